using AgentRollout.Environments.Loop;

namespace AgentRollout.Environments.Tests;

/// <summary>Does something whenever the engine has sampled tokens.</summary>
internal sealed class TokenProgress(Action<TokensSampled> action) : IProgress<RolloutEvent>
{
    public void Report(RolloutEvent value)
    {
        if (value is TokensSampled sampled)
            action(sampled);
    }
}
