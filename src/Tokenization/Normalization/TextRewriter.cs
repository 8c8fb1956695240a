using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Writes a changed text from left to right, with the origin of each character. Costs nothing as long as nothing changes.</summary>
/// <param name="text">The text that is changed.</param>
internal ref struct TextRewriter(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private char[] _changed = [];
    private int[] _origins = [];
    private int _count;
    private int _copied; // what stands before this position of the text is written

    /// <summary>Puts a replacement in the place of a part that begins at or after the end of the part before.</summary>
    public void Replace(int start, int end, scoped ReadOnlySpan<char> replacement)
    {
        EnsureRoom(start - _copied + replacement.Length);
        CopyUpTo(start);
        replacement.CopyTo(_changed.AsSpan(_count));
        _origins.AsSpan(_count, replacement.Length).Fill(start);
        _count += replacement.Length;
        _copied = end;
    }

    /// <summary>Puts one scalar in the place of a part.</summary>
    public void Replace(int start, int end, Rune replacement)
    {
        Span<char> units = stackalloc char[2];
        Replace(start, end, units[..replacement.EncodeToUtf16(units)]);
    }

    /// <summary>Ends the text. Returns false where nothing was replaced.</summary>
    public bool TryFinish(out char[] changed, out int[] origins)
    {
        if (_origins.Length == 0)
        {
            changed = [];
            origins = [];
            return false;
        }

        EnsureRoom(_text.Length - _copied);
        CopyUpTo(_text.Length);
        _origins[_count] = _text.Length;
        changed = _changed[.._count];
        origins = _origins[..(_count + 1)];
        return true;
    }

    private void CopyUpTo(int end)
    {
        _text[_copied..end].CopyTo(_changed.AsSpan(_count));
        for (int position = _copied; position < end; position++)
            _origins[_count++] = position;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureRoom(int more)
    {
        if (_count + more >= _origins.Length)
            Grow(_count + more + 1);
    }

    private void Grow(int needed)
    {
        int capacity = Math.Max(needed, Math.Max(_origins.Length * 2, _text.Length + 16));
        Array.Resize(ref _changed, capacity);
        Array.Resize(ref _origins, capacity);
    }
}
