namespace AgentRollout.Tokenization.Models;

/// <summary>Every word is one token.</summary>
internal sealed class WordLevelModel(Vocabulary vocabulary, UnknownToken unknown) : TokenModel
{
    public override int Tokenize(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        ids[0] = vocabulary.TryFind(word, out int id) ? id : unknown.Id;
        lengths[0] = word.Length;
        return 1;
    }
}
