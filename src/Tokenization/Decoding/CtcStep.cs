namespace AgentRollout.Tokenization.Decoding;

/// <summary>Reads the output of speech models: equal neighbours are one token, padding is nothing, a delimiter is a space.</summary>
internal sealed class CtcStep(string padding, string delimiter, bool cleansUp) : DecoderStep
{
    public override DecoderStage Begin(DecoderStage next) => new Stage(this, next);

    public override string Inside(string token)
    {
        string text = token.Replace(padding, "", StringComparison.Ordinal);
        return cleansUp ? WordPieceText.CleanUp(text).Replace(delimiter, " ", StringComparison.Ordinal) : text;
    }

    private sealed class Stage(CtcStep step, DecoderStage next) : WholeTokenStage(next)
    {
        private string? _previous;

        protected override void Take(string token)
        {
            if (token != _previous && step.Inside(token) is { Length: > 0 } text)
                Pass(text);
            _previous = token;
        }
    }
}
