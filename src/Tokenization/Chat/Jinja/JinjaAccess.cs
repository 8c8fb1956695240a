namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>What <c>a.b</c> and <c>a[b]</c> give: an attribute before an item, or an item before an attribute, else undefined.</summary>
internal static class JinjaAccess
{
    public static object? Attribute(object? target, string name)
    {
        PythonOperators.FailIfUndefined(target);
        return TryAttribute(target, name, out object? value) || PythonOperators.TryItem(target, name, out value)
            ? value
            : new JinjaUndefined($"{Owner(target)} has no attribute '{name}'");
    }

    public static object? Item(object? target, object? index)
    {
        PythonOperators.FailIfUndefined(target);
        if (PythonOperators.TryItem(target, index, out object? value))
            return value;
        if (index is not string name)
            return new JinjaUndefined($"{Owner(target).Trim('\'')} has no element {PythonText.Represent(index)}");
        return TryAttribute(target, name, out value) ? value : new JinjaUndefined($"{Owner(target)} has no attribute '{name}'");
    }

    private static bool TryAttribute(object? target, string name, out object? value)
    {
        value = null;
        switch (target)
        {
            case JinjaNamespace space:
                return space.Attributes.TryGet(name, out value);
            case JinjaLoop loop:
                return loop.TryAttribute(name, out value);
            case JinjaFunction:
                throw JinjaException.Unsupported($"The attribute '{name}' of a function");
            default:
                value = JinjaMethods.Find(target, name);
                return value is not null;
        }
    }

    private static string Owner(object? target) => target is null ? "'None'" : $"'{PythonText.TypeName(target)} object'";
}
