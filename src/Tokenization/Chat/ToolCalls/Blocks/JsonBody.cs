namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>A block that holds one call as a JSON object.</summary>
internal sealed class JsonBody(BlockSource source, JsonCallShape shape) : BlockBody(source)
{
    private readonly JsonCallScanner _scanner = new(source.Output, shape);
    private int _position = source.BodyStart;

    public override void Read(int limit)
    {
        _scanner.Feed(Turn.Bytes[_position..limit]);
        _position = limit;
    }

    public override void End(int bodyEnd, int end, string? openError)
    {
        TokenSpan span = Turn.Tokens(Source.Start, end);
        string text = Turn.Text(Source.BodyStart, bodyEnd);
        Output.EndCall(openError is null ? ToolCallJson.Read(text, text, span, shape) : ToolCallJson.Malformed(text, span, openError));
    }
}
