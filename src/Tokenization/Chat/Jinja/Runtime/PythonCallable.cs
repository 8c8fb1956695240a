using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>Something a template can call.</summary>
internal abstract class PythonCallable
{
    /// <summary>Python's name of its type.</summary>
    public abstract string TypeName { get; }

    /// <summary>What it prints as; null where Python prints an address.</summary>
    public virtual string? Representation => null;

    public abstract object? Call(Arguments arguments, Renderer renderer);

    public virtual bool TryAttribute(string name, out object? value)
    {
        value = null;
        return false;
    }
}

/// <summary>A global function or class.</summary>
internal sealed class GlobalFunction(string typeName, string? representation, Func<Arguments, Renderer, object?> call) : PythonCallable
{
    public override string TypeName => typeName;

    public override string? Representation => representation;

    public override object? Call(Arguments arguments, Renderer renderer) => call(arguments, renderer);
}

/// <summary>A method with the value that it belongs to.</summary>
internal sealed class BoundMethod(object target, Func<object, Arguments, object?> method) : PythonCallable
{
    public override string TypeName => "builtin_function_or_method";

    public override object? Call(Arguments arguments, Renderer renderer) => method(target, arguments);
}
