namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>A name or item that is not there, or one that the sandbox hides: prints as nothing, is false, and fails when used further.</summary>
/// <param name="description">What is missing, in Jinja's words.</param>
/// <param name="kind">The error of further use.</param>
internal sealed class JinjaUndefined(string description, string kind = "UndefinedError")
{
    public JinjaException Error => new(kind, description);

    public static JinjaUndefined Name(string name) => new($"'{name}' is undefined");

    public static JinjaUndefined Attribute(object? owner, string name) => new($"'{PythonTypes.Owner(owner)}' has no attribute '{name}'");

    public static JinjaUndefined Element(object? owner, object? index) => index is PythonString name
        ? new($"{PythonPrinter.Represent(new PythonString(PythonTypes.Owner(owner)))} has no attribute {PythonPrinter.Represent(name)}")
        : new($"{PythonTypes.Owner(owner)} has no element {PythonPrinter.Represent(index)}");

    public static JinjaUndefined Unsafe(object? owner, string name) =>
        new($"access to attribute '{name}' of '{PythonTypes.Name(owner)}' object is unsafe.", "SecurityError");
}
