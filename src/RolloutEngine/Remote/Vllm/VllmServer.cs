namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>What is known of a server that speaks the protocol.</summary>
/// <param name="IsOwn">Whether it is this project's, whose seeds and log-probabilities are those of the embedded engine.</param>
/// <param name="Model">What it calls the model.</param>
/// <param name="Logprobs">What it reports.</param>
/// <param name="Workers">The processes that share its tensors, over all of its copies of the model.</param>
internal sealed record VllmServer(bool IsOwn, string Model, ReportedLogprobs Logprobs, int Workers);
