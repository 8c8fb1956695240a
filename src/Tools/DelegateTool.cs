using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using AgentRollout.Tools.Schema;

namespace AgentRollout.Tools;

/// <summary>
/// A method with <c>[Description]</c> as a tool. Its parameters are the arguments, in snake_case; those with a default need not be given, and a
/// <see cref="CancellationToken"/> and a <see cref="ToolInvocation"/> are handed in. It may return a value, a <see cref="Task"/> or a
/// <see cref="ValueTask"/>: a string is what the model reads, nothing is the empty text, anything else is written as JSON.
/// </summary>
public sealed class DelegateTool : ITool
{
    private readonly object? _target;
    private readonly MethodInfo _method;
    private readonly MethodInvoker _invoker;
    private readonly Func<ToolInvocation, CancellationToken, object?>[] _parameters;
    private readonly Func<object?, ValueTask<object?>> _unwrap;

    /// <param name="method">A static method, or an instance method whose object serves every call.</param>
    /// <param name="name">The tool's name; by default the method's in snake_case, without <c>Async</c>.</param>
    /// <param name="keepsState">See <see cref="ToolSpec.KeepsState"/>.</param>
    /// <exception cref="ToolException">The method has no <c>[Description]</c>, or a parameter has a type that no argument can have.</exception>
    public DelegateTool(Delegate method, string? name = null, bool keepsState = false)
    {
        _target = method.Target;
        _method = method.Method;
        _invoker = MethodInvoker.Create(_method);
        string description = _method.GetCustomAttribute<DescriptionAttribute>()?.Description
            ?? throw new ToolException($"Method '{this}' has no [Description]; a tool needs one sentence for the model.");
        Spec = new ToolSpec(name ?? DefaultName(_method), description, MethodSchema.Write(_method)) { KeepsState = keepsState };
        _parameters = [.. _method.GetParameters().Select(Bind)];
        _unwrap = ReturnedValue.UnwrapperOf(_method.ReturnType);
    }

    /// <inheritdoc/>
    public ToolSpec Spec { get; }

    /// <inheritdoc/>
    public async Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        object?[] arguments = Array.ConvertAll(_parameters, parameter => parameter(invocation, cancellationToken));
        object? value = await _unwrap(_invoker.Invoke(_target, arguments.AsSpan()));
        return value switch
        {
            null => "",
            string text => text,
            _ => JsonSerializer.Serialize(value, value.GetType(), ToolJson.Options),
        };
    }

    /// <summary>The method's full name.</summary>
    public override string ToString() => $"{_method.DeclaringType?.FullName}.{_method.Name}";

    private static string DefaultName(MethodInfo method)
    {
        string name = method.Name.EndsWith("Async", StringComparison.Ordinal) ? method.Name[..^"Async".Length] : method.Name;
        return ToolJson.NameOf(name);
    }

    private static Func<ToolInvocation, CancellationToken, object?> Bind(ParameterInfo parameter)
    {
        if (parameter.ParameterType == typeof(CancellationToken))
            return (_, cancellationToken) => cancellationToken;
        if (parameter.ParameterType == typeof(ToolInvocation))
            return (invocation, _) => invocation;
        string name = ToolJson.NameOf(parameter.Name!);
        return (invocation, _) => invocation.Arguments.TryGetProperty(name, out JsonElement value)
            ? Read(name, value, parameter.ParameterType)
            : parameter.DefaultValue;
    }

    /// <summary>The schema has been checked, so what is left is what schemas of signatures do not say, such as the range of an int.</summary>
    private static object? Read(string name, JsonElement value, Type type)
    {
        try
        {
            return value.Deserialize(type, ToolJson.Options);
        }
        catch (JsonException error)
        {
            throw new ToolException($"Argument '{name}' is {value.GetRawText()}, which is not a valid {type.Name}.", error);
        }
    }
}
