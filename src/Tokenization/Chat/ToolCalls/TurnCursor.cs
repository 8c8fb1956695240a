using System.Runtime.InteropServices;
using System.Text;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>The bytes of a turn that is arriving, with a place up to which they are read and the way from a byte back to its token.</summary>
internal sealed class TurnCursor(Tokenizer tokenizer, IReadOnlyCollection<int> endTokens)
{
    private readonly List<int> _tokens = [];
    private readonly List<int> _starts = [0]; // byte at which each token begins, and the end
    private readonly List<int> _ends = []; // end tokens that nothing has followed yet
    private readonly List<byte> _bytes = [];

    public ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

    public int Length => _bytes.Count;

    /// <summary>What stands before it is read.</summary>
    public int Position { get; set; }

    /// <summary>Whether no token will follow.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>Tokens that end a turn are no part of its text unless something follows them.</summary>
    public void Append(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if (endTokens.Contains(token))
            {
                _ends.Add(token);
                continue;
            }

            foreach (int end in _ends)
                Add(end);
            _ends.Clear();
            Add(token);
        }
    }

    public void Finish() => IsFinished = true;

    public string Text(int from, int to) => Encoding.UTF8.GetString(Bytes[from..to]);

    /// <summary>
    /// Reads on to the first of the markers, and over it. Where none is there, reads all that cannot be the beginning of one; the rest waits
    /// for further tokens.
    /// </summary>
    public MarkerHit Scan(ReadOnlySpan<Marker> markers)
    {
        int start = Position;
        int certain = Length;
        MarkerHit hit = new(null, start, Length, Length);
        foreach (Marker marker in markers)
        {
            if (Find(marker, start, hit.Marker is null ? Length : hit.TextEnd) is (int from, int to))
                hit = new MarkerHit(marker, start, from, to);
            else if (!IsFinished)
                certain = Math.Min(certain, Length - marker.PrefixAtEnd(Bytes[start..]));
        }

        if (hit.Marker is null)
            hit = new MarkerHit(null, start, certain, certain);
        Position = hit.End;
        return hit;
    }

    /// <summary>Where a marker first stands at or after a byte, beginning before <paramref name="limit"/>.</summary>
    public (int Start, int End)? Find(Marker marker, int from, int limit)
    {
        if (marker.Id is not int id)
        {
            int found = Bytes[from..].IndexOf(marker.Bytes);
            return found < 0 || from + found >= limit ? null : (from + found, from + found + marker.Bytes.Length);
        }

        for (int token = TokenAt(from); token < _tokens.Count && _starts[token] < limit; token++)
        {
            if (_tokens[token] == id && _starts[token] >= from)
                return (_starts[token], _starts[token + 1]);
        }

        return null;
    }

    /// <summary>The tokens that hold the bytes.</summary>
    public TokenSpan Tokens(int from, int to) =>
        from >= to ? new TokenSpan(TokenAt(from), TokenAt(from)) : new TokenSpan(TokenAt(from), TokenAt(to - 1) + 1);

    private void Add(int token)
    {
        _tokens.Add(token);
        _bytes.AddRange(tokenizer.BytesOf(token));
        _starts.Add(_bytes.Count);
    }

    /// <summary>The token that holds a byte; of several that begin there, the first.</summary>
    private int TokenAt(int position)
    {
        int found = _starts.BinarySearch(position);
        int token = found >= 0 ? found : ~found - 1;
        while (token > 0 && _starts[token - 1] == position)
            token--;
        return token;
    }
}

/// <summary>Text that was read, and the marker behind it, or null where none is there yet.</summary>
/// <param name="Marker">The marker.</param>
/// <param name="TextStart">Where the text begins.</param>
/// <param name="TextEnd">Where the text ends and the marker begins.</param>
/// <param name="End">Where the marker ends.</param>
internal readonly record struct MarkerHit(Marker? Marker, int TextStart, int TextEnd, int End);
