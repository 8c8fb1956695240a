using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>A step that can say what becomes of a token only when it has all of it.</summary>
internal abstract class WholeTokenStage(DecoderStage next) : DecoderStage
{
    private readonly StringBuilder _token = new();

    public sealed override void Write(ReadOnlySpan<char> text) => _token.Append(text);

    public sealed override void EndToken()
    {
        string token = _token.ToString();
        _token.Clear();
        Take(token);
    }

    public sealed override void End()
    {
        Finish();
        next.End();
    }

    /// <summary>Takes the next token.</summary>
    protected abstract void Take(string token);

    /// <summary>Passes on what was held back.</summary>
    protected virtual void Finish()
    {
    }

    /// <summary>Passes a token on.</summary>
    protected void Pass(ReadOnlySpan<char> token)
    {
        next.Write(token);
        next.EndToken();
    }
}
