namespace AgentRollout.Tokenization.Decoding;

/// <summary>A step that changes each token by itself, the first one perhaps in its own way.</summary>
/// <param name="map">Takes a token and whether it is the first one.</param>
/// <param name="isUniform">Whether the first token is changed as all others.</param>
internal sealed class MappingStep(Func<string, bool, string> map, bool isUniform = false) : DecoderStep
{
    public bool IsUniform => isUniform;

    public override DecoderStage Begin(DecoderStage next) => new Stage(map, next);

    public override string Inside(string token) => map(token, false);

    private sealed class Stage(Func<string, bool, string> map, DecoderStage next) : WholeTokenStage(next)
    {
        private bool _isFirst = true;

        protected override void Take(string token)
        {
            Pass(map(token, _isFirst));
            _isFirst = false;
        }
    }
}
