namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>A template is wrong, asks for something unknown, or failed; carries the name that Python gives the error, and the line.</summary>
internal sealed class JinjaException(string kind, string message, int line = 0) : Exception(message)
{
    /// <summary>Jinja's or Python's name of the error, for example <c>TypeError</c>.</summary>
    public string Kind { get; } = kind;

    /// <summary>The line of the template, from 1; 0 while it is not known.</summary>
    public int Line { get; } = line;

    public JinjaException At(int line) => Line > 0 ? this : new JinjaException(Kind, Message, line);

    public static JinjaException Syntax(string message, int line) => new("TemplateSyntaxError", message, line);

    public static JinjaException Runtime(string message) => new("TemplateRuntimeError", message);

    public static JinjaException Argument(string message) => new("FilterArgumentError", message);

    public static JinjaException Type(string message) => new("TypeError", message);

    public static JinjaException Value(string message) => new("ValueError", message);

    public static JinjaException Unsupported(string feature, int line = 0) => new("Unsupported", feature + " is not supported", line);

    public static JinjaException Limit(string message) => new("LimitExceeded", message);
}
