using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>An assistant's turn that a client asks for in the words of a chat protocol, whatever the protocol.</summary>
internal sealed record ChatCall
{
    /// <summary>The name of the answer.</summary>
    public required string Id { get; init; }

    /// <summary>The conversation.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    /// <summary>What the model is offered; none where it must not call.</summary>
    public IReadOnlyList<FunctionSchema> Tools { get; init; } = [];

    /// <summary>Further variables of the chat template, <c>enable_thinking</c> for example.</summary>
    public IReadOnlyDictionary<string, JsonElement>? TemplateArguments { get; init; }

    /// <summary>The prompt, in place of the conversation; null where the template is to render it.</summary>
    public ReadOnlyMemory<int>? Prompt { get; init; }

    /// <summary>Whether the answer is read as an assistant's turn, with reasoning and tool calls; else it is text.</summary>
    public bool ReadsTurns { get; init; } = true;

    /// <summary>Whether calls that cannot be read are shown among the text.</summary>
    public bool ShowsMalformedCallsAsText { get; init; }

    /// <summary>Whether control tokens are left out of an answer that is text.</summary>
    public bool SkipsSpecialTokens { get; init; } = true;

    /// <summary>Answers that are wanted.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>How to sample.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Most tokens of an answer; null to fill the context.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Of the noise of the first answer; null for one of its own each time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Texts that end an answer and are no part of it.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Whether the text keeps what ended it.</summary>
    public bool KeepsStop { get; init; }

    /// <summary>Tokens that end an answer, beside the model's own.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Whether the model's own ends do not end an answer.</summary>
    public bool IgnoresEnds { get; init; }

    /// <summary>How many of the likeliest tokens are reported with each sampled one.</summary>
    public int TopLogprobs { get; init; }

    /// <summary>How many of the likeliest tokens are reported with each one of the prompt; null where its log-probabilities are not.</summary>
    public int? PromptLogprobs { get; init; }

    /// <summary>Calls with the same key begin alike; null where only the answers of this one do.</summary>
    public string? GroupKey { get; init; }

    /// <summary>Names a sequence that comes back longer.</summary>
    public string? CacheKey { get; init; }

    /// <summary>Calls with the same key share one turn of the engine.</summary>
    public string FairnessKey { get; init; } = "";

    /// <summary>How many of the last tokens of the prompt this generation sampled already, at an engine that is lost.</summary>
    public int SampledBefore { get; init; }

    /// <summary>What becomes of it where weights or memory are taken from under it.</summary>
    public InterruptPolicy OnInterrupt { get; init; }

    /// <summary>Of the engine's queue.</summary>
    public int Priority { get; init; }
}
