using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>Jinja's <c>joiner(separator)</c>: nothing the first time it is called, then the separator.</summary>
internal sealed class Joiner(object? separator) : PythonCallable
{
    private bool _isUsed;

    public override string TypeName => "Joiner";

    public override object? Call(Arguments arguments, Renderer renderer)
    {
        arguments.Bind("__call__", 0);
        if (_isUsed)
            return separator;
        _isUsed = true;
        return PythonString.Empty;
    }

    public override bool TryAttribute(string name, out object? value)
    {
        value = name switch { "sep" => separator, "used" => Boxed.From(_isUsed), _ => Frame.Missing };
        return value != Frame.Missing;
    }
}
