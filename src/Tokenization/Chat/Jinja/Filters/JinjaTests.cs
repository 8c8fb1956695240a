using System.Collections.Frozen;
using AgentRollout.Tokenization.Chat.Jinja.Runtime;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Filters;

/// <summary>What stands behind <c>is</c>.</summary>
internal delegate bool JinjaTest(object? value, Arguments arguments);

/// <summary>The tests of Jinja 3.1 by name.</summary>
internal static class JinjaTests
{
    private static readonly FrozenDictionary<string, JinjaTest> _all = Build().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The test, or null where there is none of that name.</summary>
    public static JinjaTest? Find(string name) => _all.GetValueOrDefault(name);

    private static Dictionary<string, JinjaTest> Build()
    {
        Dictionary<string, JinjaTest> tests = new(StringComparer.Ordinal)
        {
            ["defined"] = Plain("defined", value => value is not JinjaUndefined),
            ["undefined"] = Plain("undefined", value => value is JinjaUndefined),
            ["none"] = Plain("none", value => value is null),
            ["true"] = Plain("true", value => value is true),
            ["false"] = Plain("false", value => value is false),
            ["boolean"] = Plain("boolean", value => value is bool),
            ["string"] = Plain("string", value => value is PythonString),
            ["escaped"] = Plain("escaped", value => value is PythonString { IsMarkup: true }),
            ["number"] = Plain("number", PythonNumbers.IsNumber),
            ["integer"] = Plain("integer", value => value is not bool && PythonNumbers.IsInteger(value)),
            ["float"] = Plain("float", value => value is double),
            ["mapping"] = Plain("mapping", value => value is PythonDict),
            ["iterable"] = Plain("iterable", Iteration.IsIterable),
            ["sequence"] = Plain("sequence", IsSequence),
            ["callable"] = Plain("callable", value => value is PythonCallable and not Cycler or LoopContext or JinjaUndefined),
            ["odd"] = Plain("odd", value => PythonOperators.AreEqual(Remainder(value, 2L), 1L)),
            ["even"] = Plain("even", value => PythonOperators.AreEqual(Remainder(value, 2L), 0L)),
            ["divisibleby"] = WithArgument("divisibleby", "num", (value, divisor) => PythonOperators.AreEqual(Remainder(value, divisor), 0L)),
            ["lower"] = Plain("lower", value => TextSearch.IsLower(PythonPrinter.ToText(value).Text)),
            ["upper"] = Plain("upper", value => TextSearch.IsUpper(PythonPrinter.ToText(value).Text)),
            ["sameas"] = WithArgument("sameas", "other", IsSame),
            ["in"] = WithArgument("in", "seq", (value, container) => PythonOperators.Contains(container, value)),
            ["filter"] = Plain("filter", value => IsName(value, name => JinjaFilters.Find(name) is not null)),
            ["test"] = Plain("test", value => IsName(value, name => Find(name) is not null)),
        };
        foreach ((string symbol, string[] names) in new[]
        {
            ("==", new[] { "==", "eq", "equalto" }), ("!=", ["!=", "ne"]), ("<", ["<", "lt", "lessthan"]), ("<=", ["<=", "le"]),
            (">", [">", "gt", "greaterthan"]), (">=", [">=", "ge"]),
        })
        {
            foreach (string name in names)
                tests[name] = WithArgument(name, "other", (value, other) => PythonOperators.Compare(symbol, value, other));
        }

        return tests;
    }

    private static object? Remainder(object? value, object? divisor) => PythonOperators.Calculate("%", value, divisor);

    private static bool IsName(object? value, Func<string, bool> exists)
    {
        PythonDict.CheckHashable(value);
        return value is PythonString name && exists(name.Text);
    }

    private static bool IsSequence(object? value) =>
        value is PythonList or PythonTuple or PythonString or PythonDict or PythonRange or PythonBytes;

    /// <summary>Small integers and strings of the template are one object in Python too; other numbers are told apart by nothing that we keep.</summary>
    private static bool IsSame(object? value, object? other) => ReferenceEquals(value, other)
        || (value is PythonString a && other is PythonString b && a.Text == b.Text && a.IsMarkup == b.IsMarkup)
        || (PythonNumbers.IsNumber(value) && value!.Equals(other));

    private static JinjaTest Plain(string name, Func<object?, bool> test) => (value, arguments) =>
    {
        if (arguments.Positional.Length > 0)
            throw JinjaException.Type($"test_{name}() takes 1 positional argument but {1 + arguments.Positional.Length} were given");
        arguments.Bind("test_" + name, 0);
        return test(value);
    };

    private static JinjaTest WithArgument(string name, string parameter, Func<object?, object?, bool> test) =>
        (value, arguments) => test(value, arguments is { Positional: [var only], Names: [] } ? only : arguments.Bind("test_" + name, 1, parameter)[0]);
}
