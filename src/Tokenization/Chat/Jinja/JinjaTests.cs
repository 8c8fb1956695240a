namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The tests after <c>is</c>.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, Func<object?, CallArguments, bool>> Tests = Build();

    public static string Names => string.Join(", ", Tests.Keys.Order(StringComparer.Ordinal));

    public static bool Exists(string name) => Tests.ContainsKey(name);

    public static bool Apply(string name, object? value, CallArguments arguments) =>
        Tests.TryGetValue(name, out Func<object?, CallArguments, bool>? test)
            ? test(value, arguments)
            : throw new JinjaException("TemplateRuntimeError", $"No test named '{name}'; known tests: {Names}.");

    private static Dictionary<string, Func<object?, CallArguments, bool>> Build()
    {
        Dictionary<string, Func<object?, CallArguments, bool>> tests = new(StringComparer.Ordinal)
        {
            ["defined"] = Plain(value => value is not JinjaUndefined),
            ["undefined"] = Plain(value => value is JinjaUndefined),
            ["none"] = Plain(value => value is null),
            ["true"] = Plain(value => value is true),
            ["false"] = Plain(value => value is false),
            ["boolean"] = Plain(value => value is bool),
            ["string"] = Plain(value => value is string or JinjaMarkup),
            ["number"] = Plain(PythonNumbers.IsNumber),
            ["integer"] = Plain(value => value is not bool && PythonNumbers.IsInteger(value)),
            ["float"] = Plain(value => value is double),
            ["mapping"] = Plain(value => value is PythonDict),
            ["iterable"] = Plain(PythonOperators.IsIterable),
            ["sequence"] = Plain(value => value is not PythonIterable && PythonOperators.IsIterable(value)),
            ["callable"] = Plain(value => value is JinjaFunction),
            ["odd"] = Plain(value => Remainder(value, 2L) is 1L),
            ["even"] = Plain(value => Remainder(value, 2L) is 0L),
            ["divisibleby"] = WithArgument((value, divisor) => Remainder(value, divisor) is 0L),
            ["lower"] = Plain(value => PythonText.Print(value) is var text && text.Any(char.IsLower) && !text.Any(char.IsUpper)),
            ["upper"] = Plain(value => PythonText.Print(value) is var text && text.Any(char.IsUpper) && !text.Any(char.IsLower)),
            ["sameas"] = WithArgument((value, other) => value is bool flag ? other is bool same && flag == same : ReferenceEquals(value, other)),
            ["in"] = WithArgument((value, container) => PythonOperators.Contains(container, value)),
        };
        foreach ((string symbol, string[] names) in new[]
        {
            ("==", new[] { "==", "eq", "equalto" }), ("!=", ["!=", "ne"]), ("<", ["<", "lt", "lessthan"]), ("<=", ["<=", "le"]),
            (">", [">", "gt", "greaterthan"]), (">=", [">=", "ge"]),
        })
        {
            foreach (string name in names)
                tests[name] = WithArgument((value, other) => PythonOperators.Compare(symbol, value, other));
        }

        return tests;
    }

    private static object? Remainder(object? value, object? divisor) => PythonOperators.Calculate("%", value, divisor);

    private static Func<object?, CallArguments, bool> Plain(Func<object?, bool> test) => (value, arguments) =>
    {
        arguments.Bind("test", 0);
        return test(value);
    };

    private static Func<object?, CallArguments, bool> WithArgument(Func<object?, object?, bool> test) =>
        (value, arguments) => test(value, arguments.Bind("test", 1, "other")[0]);
}
