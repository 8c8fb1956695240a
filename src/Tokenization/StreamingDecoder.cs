using AgentRollout.Tokenization.Decoding;

namespace AgentRollout.Tokenization;

/// <summary>
/// Turns a stream of tokens into text. Text comes out with the token that makes it certain: not inside a character, and never where a later
/// token may change it. The pieces joined are exactly <see cref="Tokenizer.Decode"/> of all tokens. Not thread-safe.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly TextStage _text = new();
    private readonly DecoderStage _first;

    public StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens = false)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _first = tokenizer.Decoder.Begin(_text);
    }

    /// <summary>The text that became certain with these tokens; often empty inside a character.</summary>
    public string Append(ReadOnlySpan<int> ids)
    {
        foreach (int id in ids)
        {
            if (_skipSpecialTokens && _tokenizer.IsSkipped(id))
                continue;
            _first.Write(_tokenizer.Spelling(id));
            _first.EndToken();
        }

        return _text.Take();
    }

    /// <summary>Ends the stream: what was held back comes out, bytes of a character that was never completed as U+FFFD.</summary>
    public string Flush()
    {
        _first.End();
        return _text.Take();
    }
}
