namespace AgentRollout.Tokenization.Models;

/// <summary>Turns one word into tokens. Words are UTF-8 in the spelling of the vocabulary. Thread-safe.</summary>
internal abstract class TokenModel
{
    /// <summary>A word of so many bytes never has more tokens than this.</summary>
    public virtual int MaxTokens(int byteCount) => byteCount;

    /// <summary>
    /// Writes a word's tokens and the number of its bytes that each stands for, and returns how many there are.
    /// </summary>
    /// <param name="word">The word; never empty.</param>
    /// <param name="ids">Room for <see cref="MaxTokens"/> ids.</param>
    /// <param name="lengths">Room for as many lengths.</param>
    /// <exception cref="TokenizerException">The word has no token and the model names no token for unknown words.</exception>
    public abstract int Tokenize(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths);
}
