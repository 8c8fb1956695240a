using System.Buffers;

namespace AgentRollout.Tokenization.Models;

/// <summary>
/// SentencePiece's unigram language model: of all ways to cut a word into tokens the one whose scores have the largest sum, found as
/// Viterbi does. Sums are made from left to right in double precision, and of equal ones the first that is found stays, as in the reference.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    /// <summary>How far an unknown character scores below every token.</summary>
    private const double UnknownPenalty = 10;

    private const int LongestOnStack = 256;

    private readonly Vocabulary _vocabulary;
    private readonly TokenTrie _trie;
    private readonly IReadOnlyList<double> _scores; // [id]
    private readonly int? _unknown;
    private readonly bool _byteFallback;
    private readonly double _unknownScore;
    private readonly int[] _idOfByte; // the byte tokens <0x00> to <0xFF>, -1 where there is none

    /// <param name="vocabulary">The tokens; their ids begin at 0 and leave none out.</param>
    /// <param name="scores">The score of each token, by id.</param>
    /// <param name="unknown">The token of characters that are no token.</param>
    /// <param name="byteFallback">Whether the bytes of unknown characters are tokens instead, where the vocabulary has them all.</param>
    public UnigramModel(Vocabulary vocabulary, IReadOnlyList<double> scores, int? unknown, bool byteFallback)
    {
        _vocabulary = vocabulary;
        _trie = new TokenTrie(vocabulary);
        _scores = scores;
        _unknown = unknown;
        _byteFallback = byteFallback;
        _unknownScore = scores.DefaultIfEmpty(double.PositiveInfinity).Min() - UnknownPenalty;
        _idOfByte = [.. Enumerable.Range(0, 256).Select(value => ByteTokens.Find((byte)value, vocabulary))];
    }

    public override int Tokenize(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        Step[] rented = word.Length < LongestOnStack ? [] : ArrayPool<Step>.Shared.Rent(word.Length + 1);
        Span<Step> steps = rented.Length > 0 ? rented.AsSpan(0, word.Length + 1) : stackalloc Step[word.Length + 1];
        try
        {
            FindBest(word, steps);
            return Write(word, steps, ids, lengths);
        }
        finally
        {
            if (rented.Length > 0)
                ArrayPool<Step>.Shared.Return(rented);
        }
    }

    /// <summary>Finds for each position between characters the last token of the best way to get there.</summary>
    private void FindBest(ReadOnlySpan<byte> word, Span<Step> steps)
    {
        steps.Fill(Step.None);
        double score = 0; // of the best way to 'start'
        for (int start = 0; start < word.Length; score = steps[start].Score)
        {
            int next = start + Utf8Text.CharacterLength(word[start]);
            bool isToken = false; // the character alone
            int node = TokenTrie.Root;
            for (int end = start; end < word.Length && (node = _trie.Child(node, word[end])) >= 0;)
            {
                end++;
                int id = _trie.Id(node);
                if (id < 0)
                    continue;
                isToken |= end == next;
                Offer(ref steps[end], new Step(score + _scores[id], start, id));
            }

            if (!isToken)
                Offer(ref steps[next], new Step(score + _unknownScore, start, Step.UnknownCharacter));
            start = next;
        }
    }

    private static void Offer(ref Step best, Step step)
    {
        if (best.Start < 0 || step.Score > best.Score)
            best = step;
    }

    /// <summary>Goes back along the best way. Neighbouring unknown characters are one.</summary>
    private int Write(ReadOnlySpan<byte> word, ReadOnlySpan<Step> steps, Span<int> ids, Span<int> lengths)
    {
        int count = 0;
        for (int end = word.Length; end > 0;)
        {
            int start = steps[end].Start;
            if (!IsUnknown(steps[end].Id))
            {
                (ids[count], lengths[count++]) = (steps[end].Id, end - start);
            }
            else
            {
                while (start > 0 && IsUnknown(steps[start].Id))
                    start = steps[start].Start;
                AddUnknown(word[start..end], ref count, ids, lengths);
            }

            end = start;
        }

        ids[..count].Reverse();
        lengths[..count].Reverse();
        return count;
    }

    /// <summary>The token for unknown characters may also be spelled in a text.</summary>
    private bool IsUnknown(int id) => id == Step.UnknownCharacter || id == _unknown;

    /// <summary>Adds what stands for a run of unknown characters, from its end on: the run may happen to be a token.</summary>
    /// <exception cref="TokenizerException">The model names no token for it.</exception>
    private void AddUnknown(ReadOnlySpan<byte> run, ref int count, Span<int> ids, Span<int> lengths)
    {
        if (_unknown is not { } unknown)
            throw new TokenizerException("The text holds what the vocabulary does not know, and the model names no token ('unk_id') for that.");
        if (_vocabulary.TryFind(run, out int whole))
        {
            (ids[count], lengths[count++]) = (whole, run.Length);
            return;
        }

        if (!_byteFallback || !AllAreTokens(run))
        {
            (ids[count], lengths[count++]) = (unknown, run.Length);
            return;
        }

        for (int i = run.Length - 1; i >= 0; i--)
            (ids[count], lengths[count++]) = (_idOfByte[run[i]], 1);
    }

    private bool AllAreTokens(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (_idOfByte[value] < 0)
                return false;
        }

        return true;
    }

    /// <summary>The last token of a way through the word.</summary>
    /// <param name="Score">The score of the whole way.</param>
    /// <param name="Start">Where the token begins; -1 where there is no way.</param>
    /// <param name="Id">The token, or <see cref="UnknownCharacter"/>.</param>
    private readonly record struct Step(double Score, int Start, int Id)
    {
        public const int UnknownCharacter = -1;

        public static Step None => new(0, -1, UnknownCharacter);
    }
}
