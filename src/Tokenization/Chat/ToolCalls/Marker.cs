using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// A control text of a format. Where the tokenizer has it as an added token it is recognised by its id alone, so that text that only looks
/// like it does not count; else by its bytes.
/// </summary>
internal sealed class Marker
{
    public Marker(Tokenizer tokenizer, string text)
    {
        Text = text;
        Bytes = Encoding.UTF8.GetBytes(text);
        Id = tokenizer.TryGetId(text, out int id) && tokenizer.IsAdded(id) ? id : null;
    }

    public string Text { get; }

    public byte[] Bytes { get; }

    /// <summary>The added token, or null where the marker is ordinary text.</summary>
    public int? Id { get; }

    /// <summary>How many bytes at the end of a text may be the beginning of this marker.</summary>
    public int PrefixAtEnd(ReadOnlySpan<byte> text)
    {
        if (Id is not null)
            return 0;
        for (int length = Math.Min(Bytes.Length - 1, text.Length); length > 0; length--)
        {
            if (text[^length..].SequenceEqual(Bytes.AsSpan(0, length)))
                return length;
        }

        return 0;
    }
}
