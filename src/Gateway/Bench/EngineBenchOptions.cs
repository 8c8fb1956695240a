using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>What <c>bench engine</c> was asked to measure.</summary>
internal sealed record EngineBenchOptions
{
    /// <summary>The model's folder; it needs no tokenizer.</summary>
    public required string Model { get; init; }

    public required EngineScenario Scenario { get; init; }

    /// <summary>Sequences that decode together.</summary>
    public required int Batch { get; init; }

    /// <summary>Tokens of a prompt, or of a sequence before the first step.</summary>
    public required int Context { get; init; }

    /// <summary>Measured decode steps, or prompts.</summary>
    public required int Steps { get; init; }

    public required EngineOptions Engine { get; init; }
}

/// <summary>A load on the engine.</summary>
internal enum EngineScenario
{
    /// <summary>Steps of one token for each sequence of a batch.</summary>
    Decode,

    /// <summary>Prompts, one at a time.</summary>
    Prefill,
}
