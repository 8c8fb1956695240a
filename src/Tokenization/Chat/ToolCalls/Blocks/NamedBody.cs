namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>How a block names its function before its JSON arguments.</summary>
/// <param name="BeforeArguments">The marker between name and arguments.</param>
internal sealed record NamedShape(string BeforeArguments)
{
    /// <summary>A marker before the name; what stands before it is no part of the name.</summary>
    public string? BeforeName { get; init; }

    /// <summary>A marker behind the name; what stands between it and the arguments is no part of the name.</summary>
    public string? BehindName { get; init; }

    /// <summary>Whether the arguments stand in a fenced code block whose end is written behind them.</summary>
    public bool IsFenced { get; init; }

    /// <summary>Makes the function's name of what is written.</summary>
    public Func<string, string> CleanName { get; init; } = name => name;
}

/// <summary>A block that holds one call as a name, a marker and JSON arguments.</summary>
internal sealed class NamedBody : BlockBody
{
    private readonly NamedShape _shape;
    private readonly Marker _beforeArguments;
    private readonly JsonArguments _arguments;
    private int _position;
    private int _argumentsStart = -1;
    private string? _name;

    public NamedBody(BlockSource source, NamedShape shape)
        : base(source)
    {
        _shape = shape;
        _beforeArguments = source.Marker(shape.BeforeArguments);
        _arguments = new JsonArguments(source.Output);
        _position = source.BodyStart;
    }

    public override void Read(int limit)
    {
        if (_argumentsStart < 0 && !ReadName(limit))
            return;
        _arguments.Feed(Turn.Bytes[_position..limit]);
        _position = limit;
    }

    public override void End(int bodyEnd, int end, string? openError)
    {
        TokenSpan span = Turn.Tokens(Source.Start, end);
        string rawText = Turn.Text(Source.BodyStart, bodyEnd);
        if (openError is not null || string.IsNullOrWhiteSpace(_name))
        {
            Output.EndCall(ToolCallJson.Malformed(rawText, span, openError
                ?? $"The tool call has no {(_argumentsStart < 0 ? "arguments" : "name")}; write the function's name, then {_shape.BeforeArguments.Trim()} and the arguments as one JSON object."));
            return;
        }

        string text = Turn.Text(_argumentsStart, bodyEnd).Trim();
        if (_shape.IsFenced && text.EndsWith("```", StringComparison.Ordinal))
            text = text[..^3].TrimEnd();
        Output.EndCall(ToolCallJson.ReadArguments(text, _name, rawText, span));
    }

    private bool ReadName(int limit)
    {
        int search = Math.Max(Source.BodyStart, _position - _beforeArguments.Bytes.Length);
        if (Turn.Find(_beforeArguments, search, limit) is not (int nameEnd, int argumentsStart) || argumentsStart > limit)
        {
            _position = limit;
            return false;
        }

        int nameStart = Source.BodyStart;
        if (_shape.BeforeName is { } before && Turn.Find(Source.Marker(before), nameStart, nameEnd) is { } beforeName)
            nameStart = beforeName.End;
        if (_shape.BehindName is { } behind && Turn.Find(Source.Marker(behind), nameStart, nameEnd) is { } behindName)
            nameEnd = behindName.Start;
        _name = _shape.CleanName(Turn.Text(nameStart, nameEnd).Trim());
        if (_name.Length > 0)
            Output.Name(_name);
        _position = _argumentsStart = argumentsStart;
        return true;
    }
}
