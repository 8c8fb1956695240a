using AgentRollout.Environments.Replay;

namespace AgentRollout.Environments.Tests.Replay;

/// <summary>Remembers what it is told, in order.</summary>
internal sealed class TestProgress : IProgress<ReplayProgress>
{
    public List<ReplayProgress> Reports { get; } = [];

    public void Report(ReplayProgress value) => Reports.Add(value);
}
