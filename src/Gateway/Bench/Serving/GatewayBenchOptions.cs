namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>What <c>bench gateway</c> was asked to measure.</summary>
/// <param name="Model">Folder of the tokenizer and the chat template; no weights are read.</param>
/// <param name="Seconds">How long each measurement runs.</param>
/// <param name="Rounds">Measurements of each kind, interleaved.</param>
/// <param name="Concurrencies">Clients that wait for an answer at once.</param>
internal sealed record GatewayBenchOptions(string Model, double Seconds, int Rounds, IReadOnlyList<int> Concurrencies);
