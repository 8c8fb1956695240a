namespace AgentRollout.Tokenization.Decoding;

/// <summary>Makes all tokens one.</summary>
internal sealed class FuseStep : DecoderStep
{
    public override DecoderStage Begin(DecoderStage next) => new Stage(next);

    private sealed class Stage(DecoderStage next) : DecoderStage
    {
        public override void Write(ReadOnlySpan<char> text) => next.Write(text);

        public override void EndToken()
        {
        }

        public override void End()
        {
            next.EndToken();
            next.End();
        }
    }
}
