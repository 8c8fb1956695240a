using System.Diagnostics;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Commands;

/// <summary>Counts what a rollout does while it does it. Told from many threads.</summary>
internal sealed class RolloutProgress(TimeProvider timeProvider) : IProgress<RolloutEvent>
{
    private readonly long _started = timeProvider.GetTimestamp();
    private long _tokens;
    private long _firstToken;

    /// <summary>Tokens sampled so far.</summary>
    public long Tokens => Volatile.Read(ref _tokens);

    /// <summary>Since the rollout began.</summary>
    public TimeSpan Elapsed => timeProvider.GetElapsedTime(_started);

    /// <summary>From the start of the process to the first sampled token, or null.</summary>
    public TimeSpan? FirstToken
    {
        get
        {
            if (Volatile.Read(ref _firstToken) is not (> 0 and var first))
                return null;
            using Process process = Process.GetCurrentProcess();
            DateTimeOffset at = timeProvider.GetUtcNow() - timeProvider.GetElapsedTime(first);
            return at - process.StartTime.ToUniversalTime();
        }
    }

    public void Report(RolloutEvent value)
    {
        if (value is not TokensSampled sampled)
            return;
        Interlocked.Add(ref _tokens, sampled.TokenIds.Count);
        if (Volatile.Read(ref _firstToken) == 0)
            Interlocked.CompareExchange(ref _firstToken, timeProvider.GetTimestamp(), 0);
    }
}
