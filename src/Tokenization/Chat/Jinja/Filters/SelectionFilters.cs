using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>Filters that apply a filter or a test to each item. They give generators, so that errors come when the items are asked for.</summary>
internal static class SelectionFilters
{
    public static readonly Dictionary<string, JinjaFilter> All = new(StringComparer.Ordinal)
    {
        ["map"] = (value, arguments, renderer) => new PythonIterator(Map(value, arguments, renderer)),
        ["select"] = (value, arguments, _) => new PythonIterator(Select(value, arguments, wanted: true, byAttribute: false)),
        ["reject"] = (value, arguments, _) => new PythonIterator(Select(value, arguments, wanted: false, byAttribute: false)),
        ["selectattr"] = (value, arguments, _) => new PythonIterator(Select(value, arguments, wanted: true, byAttribute: true)),
        ["rejectattr"] = (value, arguments, _) => new PythonIterator(Select(value, arguments, wanted: false, byAttribute: true)),
    };

    private static IEnumerable<object?> Map(object? value, Arguments arguments, Renderer renderer)
    {
        if (!PythonOperators.IsTrue(value))
            yield break;
        Func<object?, object?> map = Mapping(arguments, renderer);
        foreach (object? item in Iteration.Over(value))
            yield return map(item);
    }

    private static Func<object?, object?> Mapping(Arguments arguments, Renderer renderer)
    {
        if (arguments.Positional.Length == 0 && arguments.TryKeyword("attribute", out object? attribute))
        {
            if (arguments.Names.FirstOrDefault(name => name is not ("attribute" or "default")) is { } unknown)
                throw JinjaException.Argument($"Unexpected keyword argument '{unknown}'");
            arguments.TryKeyword("default", out object? fallback);
            return new AttributePath(attribute, fallback).Get;
        }

        if (arguments.Positional.Length == 0)
            throw JinjaException.Argument("map requires a filter argument");
        string name = PythonPrinter.ToText(arguments.Positional[0]).Text;
        JinjaFilter filter = JinjaFilters.Find(name) ?? throw JinjaException.Runtime($"No filter named '{name}'.");
        Arguments rest = Rest(arguments, 1);
        return item => filter(item, rest, renderer);
    }

    private static IEnumerable<object?> Select(object? value, Arguments arguments, bool wanted, bool byAttribute)
    {
        if (!PythonOperators.IsTrue(value))
            yield break;
        if (byAttribute && arguments.Positional.Length == 0)
            throw JinjaException.Argument("Missing parameter for attribute name");
        AttributePath? path = byAttribute ? new AttributePath(arguments.Positional[0]) : null;
        Func<object?, bool> test = Test(arguments, byAttribute ? 1 : 0);
        foreach (object? item in Iteration.Over(value))
        {
            if (test(path is null ? item : path.Get(item)) == wanted)
                yield return item;
        }
    }

    private static Func<object?, bool> Test(Arguments arguments, int position)
    {
        if (arguments.Positional.Length <= position)
            return PythonOperators.IsTrue;
        string name = PythonPrinter.ToText(arguments.Positional[position]).Text;
        JinjaTest test = JinjaTests.Find(name) ?? throw JinjaException.Runtime($"No test named '{name}'.");
        Arguments rest = Rest(arguments, position + 1);
        return item => test(item, rest);
    }

    private static Arguments Rest(Arguments arguments, int count) =>
        arguments.Positional.Length == count && arguments.Names.Length == 0 ? Arguments.None : arguments.Skip(count);
}
