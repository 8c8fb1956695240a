using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's names of the types of values, as its error messages give them.</summary>
internal static class PythonTypes
{
    public static string Name(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        PythonString { IsMarkup: true } => "Markup",
        PythonString => "str",
        PythonDict => "dict",
        PythonList => "list",
        PythonTuple => "tuple",
        PythonRange => "range",
        PythonBytes => "bytes",
        PythonView view => view.TypeName,
        PythonIterator iterator => iterator.TypeName,
        JinjaUndefined => "Undefined",
        JinjaNamespace => "Namespace",
        LoopContext => "LoopContext",
        BlockReferences => "TemplateReference",
        PythonCallable callable => callable.TypeName,
        _ => throw JinjaException.Unsupported($"A value of type {value.GetType().Name}"),
    };

    /// <summary>The owner of an attribute, as an undefined value names it.</summary>
    public static string Owner(object? value) => value switch
    {
        null => "None",
        PythonString { IsMarkup: true } => "markupsafe.Markup object",
        JinjaNamespace => "jinja2.utils.Namespace object",
        LoopContext or Macro or BlockReferences => $"jinja2.runtime.{Name(value)} object",
        Cycler or Joiner => $"jinja2.utils.{Name(value)} object",
        _ => Name(value) + " object",
    };
}
