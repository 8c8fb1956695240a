using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>How tokens become text. Thread-safe.</summary>
internal sealed class TokenDecoder(IReadOnlyList<DecoderStep> steps)
{
    /// <summary>Whether the text is the bytes of the tokens, read as UTF-8.</summary>
    public bool IsByteLevel { get; } = steps is [ByteLevelStep];

    /// <summary>Begins a stream of tokens.</summary>
    public DecoderStage Begin(TextStage text)
    {
        DecoderStage first = text;
        for (int i = steps.Count - 1; i >= 0; i--)
            first = steps[i].Begin(first);
        return first;
    }

    /// <summary>The bytes that a token inside a text stands for; they need not be whole characters.</summary>
    public byte[] BytesOf(string token)
    {
        foreach (DecoderStep step in steps)
        {
            if (step.TryBytes(token, out byte[] bytes))
                return bytes;
            if (step is FuseStep)
                break; // what follows looks at the whole text
            token = step.Inside(token);
        }

        return Encoding.UTF8.GetBytes(token);
    }
}
