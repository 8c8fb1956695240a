namespace AgentRollout.Tokenization.Decoding;

/// <summary>
/// A decoder step at work on one stream. It passes text on as soon as no later token can change it, and never before. Not thread-safe.
/// </summary>
internal abstract class DecoderStage
{
    /// <summary>Takes the next part of a token's text.</summary>
    public abstract void Write(ReadOnlySpan<char> text);

    /// <summary>Ends the token.</summary>
    public abstract void EndToken();

    /// <summary>Ends the stream.</summary>
    public abstract void End();
}
