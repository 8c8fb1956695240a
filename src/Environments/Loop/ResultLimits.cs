using System.ComponentModel.DataAnnotations;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Loop;

/// <summary>How much of a tool's result the model reads. Both limits include the sentence about what is left out.</summary>
public sealed record ResultLimits
{
    /// <summary>The least limit in tokens: room for the sentence even where every byte is a token.</summary>
    public const int MinTokens = ResultCut.NoticeLength;

    public const int MaxTokenLimit = 1_000_000;

    public const int MinCharacters = 256;

    public const int MaxCharacterLimit = 1 << 20;

    public const int DefaultCharacters = 16_384;

    /// <summary>Most UTF-16 units. Default <see cref="DefaultCharacters"/>.</summary>
    [Range(MinCharacters, MaxCharacterLimit)]
    public int MaxCharacters { get; init; } = DefaultCharacters;

    /// <summary>Most tokens of the text by itself, before the template has it; null for no limit of its own. Default null.</summary>
    [Range(MinTokens, MaxTokenLimit)]
    public int? MaxTokens { get; init; }

    /// <summary>What is left out of a longer result. Default the middle.</summary>
    public Truncation Truncate { get; init; }
}
