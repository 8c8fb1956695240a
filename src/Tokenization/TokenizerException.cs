namespace AgentRollout.Tokenization;

/// <summary>A tokenizer, template or token sequence cannot be honoured; the message names the value and what is supported.</summary>
public sealed class TokenizerException : Exception
{
    public TokenizerException(string message) : base(message)
    {
    }

    public TokenizerException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
