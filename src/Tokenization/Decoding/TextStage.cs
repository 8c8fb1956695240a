using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>The end of the way: the text.</summary>
internal sealed class TextStage : DecoderStage
{
    private readonly StringBuilder _text = new();

    public override void Write(ReadOnlySpan<char> text) => _text.Append(text);

    public override void EndToken()
    {
    }

    public override void End()
    {
    }

    /// <summary>The text since the last call.</summary>
    public string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
