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

    /// <summary>The requests of <c>grpo</c> and <c>turns</c>.</summary>
    public required GroupLoad Groups { get; init; }

    public required EngineOptions Engine { get; init; }
}

/// <summary>Groups of samples that begin with the same prompt.</summary>
/// <param name="Prompts">Different prompts.</param>
/// <param name="Samples">Trajectories per prompt.</param>
/// <param name="Prefix">Tokens of a prompt.</param>
/// <param name="New">Tokens sampled in a turn.</param>
/// <param name="Observed">Tokens that answer a turn.</param>
/// <param name="Turns">Turns of a trajectory.</param>
internal sealed record GroupLoad(int Prompts, int Samples, int Prefix, int New, int Observed, int Turns);

/// <summary>A load on the engine.</summary>
internal enum EngineScenario
{
    /// <summary>Steps of one token for each sequence of a batch.</summary>
    Decode,

    /// <summary>Prompts, one at a time.</summary>
    Prefill,

    /// <summary>All samples of several prompts at once.</summary>
    Grpo,

    /// <summary>The same in several turns, with observations between them.</summary>
    Turns,

    /// <summary>A batch that decodes while a long tool result arrives.</summary>
    Mixed,
}
