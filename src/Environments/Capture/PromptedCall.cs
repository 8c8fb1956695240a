using System.Text.Json;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Capture;

/// <summary>A call of an agent outside, as far as it adds something to what is recorded.</summary>
public sealed record PromptedCall
{
    /// <summary>The assistant turn that answers it, from 1.</summary>
    public required int Turn { get; init; }

    /// <summary>Index of the sequence that it goes on, or begins.</summary>
    public required int Sequence { get; init; }

    /// <summary>Where the sequence comes from; null where the call goes on with one.</summary>
    public SequenceOrigin? Origin { get; init; }

    /// <summary>In what the client differs from the record, and the tokens do not.</summary>
    public IReadOnlyList<HealReason> Heals { get; init; } = [];

    /// <summary>The messages that are new, calls under the ids of the trajectory.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>The recorded calls whose results stand among the messages.</summary>
    public IReadOnlyList<string> AnsweredCallIds { get; init; } = [];
}

/// <summary>How a sequence of a captured trajectory began.</summary>
public sealed record SequenceOrigin
{
    /// <summary>Why it is not the continuation of another; null for the first.</summary>
    public string? StartedBecause { get; init; }

    /// <summary>The sequence whose beginning it shares; null where it shares none.</summary>
    public int? Parent { get; init; }

    /// <summary>How many messages of the parent it begins with.</summary>
    public int KeptMessages { get; init; }

    /// <summary>How many tokens of the parent it begins with.</summary>
    public int KeptTokens { get; init; }

    /// <summary>What the model is offered.</summary>
    public required IReadOnlyList<FunctionSchema> Tools { get; init; }

    /// <summary>Further variables of the chat template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? TemplateArguments { get; init; }
}
