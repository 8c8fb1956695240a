namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Why code that keeps text instead of tokens comes to other ids than those that the model saw.</summary>
public enum DriftCause
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>The model sampled other tokens than encoding gives for the same text.</summary>
    NonCanonicalTokens,

    /// <summary>A token holds a part of a character, which decodes to U+FFFD.</summary>
    SplitCharacter,

    /// <summary>Ordinary tokens spell a control token, which encoding makes of their text, or the other way round.</summary>
    SpelledControlToken,

    /// <summary>The tokenizer normalizes the text to other characters.</summary>
    UnicodeNormalization,

    /// <summary>The tokenizer puts a space before a text, and decoding takes one away.</summary>
    LeadingSpace,

    /// <summary>A token of a single byte stands for a character that has a token of its own.</summary>
    ByteFallback,

    /// <summary>Encoded together, the text before and behind the border of a sampled turn shares a token.</summary>
    TurnBoundary,

    /// <summary>The template leaves the reasoning of an earlier turn out.</summary>
    ReasoningDropped,

    /// <summary>The template writes a tool call in another way than the model did: spacing, escapes, numbers, order, form.</summary>
    ToolCallRewritten,

    /// <summary>The template leaves a tool call or the close behind it out.</summary>
    ToolCallDropped,

    /// <summary>White space at an end of the content was taken away or added.</summary>
    ContentTrimmed,

    /// <summary>The turn was cut before its end, which the template adds.</summary>
    MissingEndOfTurn,

    /// <summary>The template ends the turn with another token than the model did.</summary>
    ChangedEndOfTurn,

    /// <summary>The begin-of-sequence token stands in the rendered text and is added once more.</summary>
    DoubledBeginOfSequence,

    /// <summary>The template refuses the conversation.</summary>
    TemplateRefused,
}
