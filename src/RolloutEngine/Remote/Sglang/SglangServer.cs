namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>What is known of a server that speaks the protocol.</summary>
/// <param name="IsOwn">Whether it is this project's, which understands members beyond the protocol.</param>
/// <param name="IsIncremental">Whether pieces hold what is new; needed only where a piece does not tell how many tokens there are by now.</param>
/// <param name="Logprobs">What it reports.</param>
/// <param name="Workers">The processes that share its tensors.</param>
internal sealed record SglangServer(bool IsOwn, bool IsIncremental, ReportedLogprobs Logprobs, int Workers);
