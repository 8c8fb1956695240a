namespace AgentRollout.Tokenization.Decoding;

/// <summary>Reads the suffix that ends words as a space, but not behind the last token.</summary>
internal sealed class BpeStep(string suffix) : DecoderStep
{
    public override DecoderStage Begin(DecoderStage next) => new Stage(suffix, next);

    public override string Inside(string token) => token.Replace(suffix, " ", StringComparison.Ordinal);

    private sealed class Stage(string suffix, DecoderStage next) : WholeTokenStage(next)
    {
        private string? _held; // perhaps the last token

        protected override void Take(string token)
        {
            if (_held is not null)
                Pass(_held.Replace(suffix, " ", StringComparison.Ordinal));
            _held = token;
        }

        protected override void Finish()
        {
            if (_held is not null)
                Pass(_held.Replace(suffix, "", StringComparison.Ordinal));
        }
    }
}
