namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>A pattern whose matches cover every text.</summary>
internal sealed class ScannerPattern(SplitScanner scanner) : TextPattern
{
    public SplitScanner Scanner => scanner;

    public override bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = from;
        end = from < text.Length ? scanner.WordEnd(text, from) : from;
        return start < end;
    }
}
