using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>
/// Cuts where the script changes: Latin, Cyrillic, digits and signs (Common). Spaces and unassigned characters have none and stay with what
/// is before them; as in the reference, those at the beginning of a text are lost.
/// </summary>
internal sealed class ScriptSplitter : PreTokenizerStep
{
    private const int None = 0;

    private static readonly Lazy<Table> LazyTable = new(Read);

    private readonly Table _table = LazyTable.Value;

    public override bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end)
    {
        int script = None;
        start = position;
        for (end = position; end < text.Length;)
        {
            Rune.DecodeFromUtf16(text[end..], out Rune rune, out int length);
            int next = _table.ScriptOf(rune.Value);
            if (next != None && script == None)
                (script, start) = (next, position == 0 ? end : position);
            else if (next != None && next != script)
                break;
            end += length;
        }

        position = end;
        return script != None;
    }

    private static Table Read()
    {
        using Stream stream = typeof(ScriptSplitter).Assembly.GetManifestResourceStream("AgentRollout.Tokenization.PreTokenization.scripts.txt")!;
        using StreamReader reader = new(stream);
        List<(int First, int Last, int Script)> ranges = [];
        for (int script = None + 1; reader.ReadLine() is { } line;)
        {
            if (line[0] == '#')
                continue;
            foreach (string range in line.Split(' ').Skip(1))
                ranges.Add((Hex(range.Split('-')[0]), Hex(range.Split('-')[1]), script));
            script++;
        }

        ranges.Sort();
        return new Table([.. ranges.Select(range => range.First)], [.. ranges.Select(range => range.Last)], [.. ranges.Select(range => range.Script)]);
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>Ranges of characters in order, and the number of each one's script.</summary>
    private sealed record Table(int[] Firsts, int[] Lasts, int[] Scripts)
    {
        public int ScriptOf(int character)
        {
            int index = Array.BinarySearch(Firsts, character);
            if (index < 0)
                index = ~index - 1;
            return index >= 0 && character <= Lasts[index] ? Scripts[index] : None;
        }
    }
}
