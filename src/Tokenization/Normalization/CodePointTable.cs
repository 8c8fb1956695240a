using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>A value per Unicode code point, in pages of 256; pages that were never written share one of default values.</summary>
internal sealed class CodePointTable<T>
    where T : struct
{
    private const int PageBits = 8;
    private static readonly T[] Empty = new T[1 << PageBits];

    private readonly T[][] _pages = new T[0x110000 >> PageBits][];

    public CodePointTable() => Array.Fill(_pages, Empty);

    public T this[int codePoint]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _pages[codePoint >> PageBits][codePoint & ((1 << PageBits) - 1)];
        set
        {
            ref T[] page = ref _pages[codePoint >> PageBits];
            if (page == Empty)
                page = new T[1 << PageBits];
            page[codePoint & ((1 << PageBits) - 1)] = value;
        }
    }
}
