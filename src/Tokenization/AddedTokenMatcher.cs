using System.Buffers;
using System.Text;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost one, and of those that begin there the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Node _root = new();
    private readonly SearchValues<char> _firstCharacters;

    /// <param name="tokens">The tokens and the text to look for, which is normalized for some. Of equal texts the first one counts.</param>
    public AddedTokenMatcher(IEnumerable<(AddedToken Token, string Content)> tokens)
    {
        foreach ((AddedToken token, string content) in tokens)
        {
            Node node = _root;
            foreach (char character in content)
                node = node.Child(character);
            node.Token ??= token;
        }

        _firstCharacters = SearchValues.Create([.. _root.Children.Keys]);
    }

    public bool IsEmpty => _root.Children.Count == 0;

    /// <summary>
    /// The next added token at or after <paramref name="searchFrom"/> that the scope lets pass. <paramref name="pieceStart"/> is where the
    /// text before it begins: white space that the token takes along is not taken from before that. Returns false where there is none.
    /// </summary>
    public bool TryFind(in TextPiece piece, in MatchScope scope, int searchFrom, int pieceStart, out AddedTokenMatch match)
    {
        ReadOnlySpan<char> text = piece.Text;
        int position = searchFrom;
        while (true)
        {
            int offset = text[position..].IndexOfAny(_firstCharacters);
            if (offset < 0)
            {
                match = default;
                return false;
            }

            position += offset;
            if (LongestAt(piece, scope, position) is not (AddedToken token, int length))
            {
                position++;
                continue;
            }

            int end = position + length;
            if (token.SingleWord && (EndsWithWord(text[..position]) || StartsWithWord(text[end..])))
            {
                position = end;
                continue;
            }

            int start = token.TrimsLeft ? Math.Max(text[..position].TrimEnd().Length, pieceStart) : position;
            int trimmedEnd = token.TrimsRight ? text.Length - text[end..].TrimStart().Length : end;
            match = new AddedTokenMatch(token, start, trimmedEnd, SearchFrom: end);
            return true;
        }
    }

    private (AddedToken Token, int Length)? LongestAt(in TextPiece piece, in MatchScope scope, int position)
    {
        ReadOnlySpan<char> text = piece.Text;
        (AddedToken, int)? longest = null;
        Node? node = _root;
        for (int i = position; i < text.Length && node.Children.TryGetValue(text[i], out node); i++)
        {
            if (node.Token is { } token && scope.Allows(token.Id, piece.Origin(position), piece.Origin(i + 1)))
                longest = (token, i + 1 - position);
        }

        return longest;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeLastFromUtf16(text, out Rune last, out _) == OperationStatus.Done && WordCharacters.Contains(last);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeFromUtf16(text, out Rune first, out _) == OperationStatus.Done && WordCharacters.Contains(first);

    private sealed class Node
    {
        public Dictionary<char, Node> Children { get; } = [];

        public AddedToken? Token { get; set; }

        public Node Child(char character)
        {
            if (!Children.TryGetValue(character, out Node? child))
                Children[character] = child = new Node();
            return child;
        }
    }
}

/// <summary>An added token found in a text.</summary>
/// <param name="Token">The token.</param>
/// <param name="Start">Where it begins, white space it takes along included.</param>
/// <param name="End">Where it ends, white space it takes along included.</param>
/// <param name="SearchFrom">Where the search goes on.</param>
internal readonly record struct AddedTokenMatch(AddedToken Token, int Start, int End, int SearchFrom);
