namespace AgentRollout.Tokenization.Models;

/// <summary>The token for what a vocabulary does not know. A file may name one that is missing, which matters only when it is needed.</summary>
internal sealed class UnknownToken(string name, Vocabulary vocabulary)
{
    private readonly int _id = vocabulary.TryFind(System.Text.Encoding.UTF8.GetBytes(name), out int id) ? id : -1;

    /// <exception cref="TokenizerException">The vocabulary lacks it.</exception>
    public int Id => _id >= 0
        ? _id
        : throw new TokenizerException($"The text holds what the vocabulary does not know, and its token for that, '{name}', is not in 'vocab'.");
}
