using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>Takes a character off both ends of each token, at most so many times.</summary>
/// <param name="character">The character.</param>
/// <param name="first">How often at most at a token's beginning.</param>
/// <param name="last">How often at most at its end.</param>
internal sealed class StripStep(char character, int first, int last) : DecoderStep
{
    /// <summary>Whether nothing goes at the end.</summary>
    public bool IsLeading => last == 0;

    public override DecoderStage Begin(DecoderStage next) => new Stage(character, first, last, next);

    public override string Inside(string token)
    {
        TextStage text = new();
        Stage stage = new(character, first, last, text);
        stage.Write(token);
        stage.EndToken();
        return text.Take();
    }

    private sealed class Stage(char character, int first, int last, DecoderStage next) : DecoderStage
    {
        private readonly int _first = first;
        private readonly StringBuilder _held = new(); // the characters at the end that may have to go
        private int _left = first;

        public override void Write(ReadOnlySpan<char> text)
        {
            while (_left > 0 && !text.IsEmpty)
            {
                bool goes = text[0] == character;
                _left = goes ? _left - 1 : 0;
                text = goes ? text[1..] : text;
            }

            _held.Append(text);
            int certain = _held.Length - last;
            if (certain <= 0)
                return;
            next.Write(_held.ToString(0, certain));
            _held.Remove(0, certain);
        }

        public override void EndToken()
        {
            int end = _held.Length;
            while (end > 0 && _held[end - 1] == character)
                end--;
            next.Write(_held.ToString(0, end));
            next.EndToken();
            _held.Clear();
            _left = _first;
        }

        public override void End() => next.End();
    }
}
