using System.Collections.Frozen;
using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>
/// What <c>a.b</c> and <c>a[b]</c> give in the sandbox: an attribute before an item, or an item before an attribute, else undefined. What
/// begins with an underscore, or would change a value, is hidden.
/// </summary>
internal static class Access
{
    private static readonly FrozenSet<string> _dunders = FrozenSet.Create(
        "__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__", "__gt__", "__hash__", "__init__",
        "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__", "__reduce__", "__reduce_ex__", "__repr__", "__setattr__", "__sizeof__", "__str__",
        "__subclasshook__");

    public static object? Attribute(object? target, string name)
    {
        if (target is JinjaUndefined && (_dunders.Contains(name) || name is "__len__"))
            return JinjaUndefined.Unsafe(target, name);
        PythonOperators.FailIfUndefined(target);
        if (TryAttribute(target, name, out object? value))
            return value;
        if (target is PythonDict dict && dict.TryGet(name, out value))
            return value;
        return JinjaUndefined.Attribute(target, name);
    }

    public static object? Item(object? target, object? index)
    {
        PythonOperators.FailIfUndefined(target);
        if (Iteration.TryItem(target, index, out object? value))
            return value;
        if (target is BlockReferences blocks && index is PythonString block)
            return (object?)blocks.Find(block.Text) ?? JinjaUndefined.Element(target, index);
        return index is PythonString name && TryAttribute(target, name.Text, out value) ? value : JinjaUndefined.Element(target, index);
    }

    /// <summary>The attribute without a look at the items, as the filter <c>attr</c> gives it.</summary>
    public static bool TryAttribute(object? target, string name, out object? value)
    {
        if (name.StartsWith('_'))
        {
            bool isHidden = _dunders.Contains(name) || (name == "__len__" && target is PythonString or PythonList or PythonDict or PythonTuple);
            value = isHidden ? JinjaUndefined.Unsafe(target, name) : null;
            if (isHidden || target is not JinjaNamespace)
                return isHidden;
        }

        switch (target)
        {
            case PythonString text:
                value = StringMethods.All.TryGetValue(name, out Func<object, Arguments, object?>? method) ? new BoundMethod(text, method) : null;
                return value is not null;
            case PythonDict or PythonList or PythonTuple or PythonRange or PythonBytes:
                return TryMethod(target, name, out value);
            case LoopContext loop:
                return loop.TryAttribute(name, out value);
            case JinjaNamespace space:
                return space.Attributes.TryGet(name, out value);
            case PythonCallable callable:
                return callable.TryAttribute(name, out value);
            case BlockReferences blocks:
                value = blocks.Find(name);
                return value is not null;
            case bool or long or BigInteger or double:
                return NumberMethods.TryAttribute(target, name, out value);
            default:
                value = null;
                return false;
        }
    }

    private static bool TryMethod(object target, string name, out object? value)
    {
        if (target is PythonTuple tuple && tuple.TryAttribute(name, out value))
            return true;
        if (target is PythonRange range && name is "start" or "stop" or "step")
        {
            range = (PythonRange)target;
            value = Boxed.From(name switch { "start" => range.Start, "stop" => range.Stop, _ => range.Step });
            return true;
        }

        if (ContainerMethods.IsUnsafe(target, name))
            value = JinjaUndefined.Unsafe(target, name);
        else
            value = ContainerMethods.Find(target, name) is { } method ? new BoundMethod(target, method) : null;
        return value is not null;
    }
}
