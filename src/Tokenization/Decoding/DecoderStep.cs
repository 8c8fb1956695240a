namespace AgentRollout.Tokenization.Decoding;

/// <summary>One step on the way from tokens to text, as tokenizer.json describes it. Thread-safe.</summary>
internal abstract class DecoderStep
{
    /// <summary>Begins a stream of tokens through this step.</summary>
    public abstract DecoderStage Begin(DecoderStage next);

    /// <summary>What the step makes of a token that stands neither first nor last.</summary>
    public virtual string Inside(string token) => token;

    /// <summary>Whether a token stands for bytes from here on, which need not be whole characters.</summary>
    public virtual bool TryBytes(string token, out byte[] bytes)
    {
        bytes = [];
        return false;
    }
}
