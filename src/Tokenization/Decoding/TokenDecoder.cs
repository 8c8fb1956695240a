using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>How tokens become text. Thread-safe.</summary>
internal sealed class TokenDecoder(IReadOnlyList<DecoderStep> steps)
{
    /// <summary>Whether the text is the bytes of the tokens, read as UTF-8.</summary>
    public bool IsByteLevel { get; } = steps is [ByteLevelStep];

    /// <summary>Whether the text is the bytes of the tokens, runs of byte tokens that are no UTF-8 aside, and then <see cref="Trim"/>.</summary>
    public bool IsByteFallback { get; } = steps is [MappingStep { IsUniform: true }, ByteFallbackStep, FuseStep]
        or [MappingStep { IsUniform: true }, ByteFallbackStep, FuseStep, StripStep { IsLeading: true }];

    /// <summary>What the steps make of the whole text after its tokens were made one.</summary>
    public string Trim(string text) => steps is [.., StripStep strip] ? strip.Inside(text) : text;

    /// <summary>Begins a stream of tokens.</summary>
    public DecoderStage Begin(TextStage text)
    {
        DecoderStage first = text;
        for (int i = steps.Count - 1; i >= 0; i--)
            first = steps[i].Begin(first);
        return first;
    }

    /// <summary>The bytes that a token inside a text stands for; they need not be whole characters.</summary>
    /// <param name="token">The token.</param>
    /// <param name="isBytes">Whether it stands for bytes rather than for text.</param>
    public byte[] BytesOf(string token, out bool isBytes)
    {
        isBytes = true;
        foreach (DecoderStep step in steps)
        {
            if (step.TryBytes(token, out byte[] bytes))
                return bytes;
            if (step is FuseStep)
                break; // what follows looks at the whole text
            token = step.Inside(token);
        }

        isBytes = false;
        return Encoding.UTF8.GetBytes(token);
    }
}
