namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

internal enum JinjaTokenKind
{
    /// <summary>Text outside tags, after whitespace control.</summary>
    Data,
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,

    /// <summary>The rest of the source could not be cut; its text says why.</summary>
    Error,
}

/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text; of a string the value without quotes and escapes.</param>
/// <param name="Line">The line of the template where it begins, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Text, int Line)
{
    public bool IsOperator(string text) => Kind == JinjaTokenKind.Operator && Text == text;

    public bool IsName(string text) => Kind == JinjaTokenKind.Name && Text == text;

    /// <summary>The token in the words of Jinja's error messages.</summary>
    public string Description => Kind switch
    {
        JinjaTokenKind.Data => "template data / text",
        JinjaTokenKind.BlockBegin => "begin of statement block",
        JinjaTokenKind.BlockEnd => "end of statement block",
        JinjaTokenKind.VariableBegin => "begin of print statement",
        JinjaTokenKind.VariableEnd => "end of print statement",
        JinjaTokenKind.String => "string",
        JinjaTokenKind.Integer => "integer",
        JinjaTokenKind.Float => "float",
        JinjaTokenKind.End => "end of template",
        _ => Text,
    };
}
