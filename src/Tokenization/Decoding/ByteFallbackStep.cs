using System.Text;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>Reads runs of byte tokens as UTF-8; each byte of a run that is none becomes U+FFFD.</summary>
internal sealed class ByteFallbackStep : DecoderStep
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public override DecoderStage Begin(DecoderStage next) => new Stage(next);

    public override bool TryBytes(string token, out byte[] bytes)
    {
        bool isByte = ByteTokens.TryParse(token, out byte value);
        bytes = isByte ? [value] : [];
        return isByte;
    }

    private sealed class Stage(DecoderStage next) : WholeTokenStage(next)
    {
        private readonly List<byte> _run = [];

        protected override void Take(string token)
        {
            if (ByteTokens.TryParse(token, out byte value))
            {
                _run.Add(value);
                return;
            }

            Finish();
            Pass(token);
        }

        /// <summary>Whether a run is valid shows only at its end.</summary>
        protected override void Finish()
        {
            if (_run.Count == 0)
                return;
            try
            {
                Pass(Strict.GetString([.. _run]));
            }
            catch (DecoderFallbackException)
            {
                for (int i = 0; i < _run.Count; i++)
                    Pass("\uFFFD");
            }

            _run.Clear();
        }
    }
}
