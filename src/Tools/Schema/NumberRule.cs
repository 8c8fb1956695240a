using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>What a schema asks of numbers: <c>minimum</c>, <c>maximum</c>, their exclusive forms and <c>multipleOf</c>.</summary>
internal sealed class NumberRule
{
    private readonly decimal? _minimum;
    private readonly decimal? _maximum;
    private readonly decimal? _above;
    private readonly decimal? _below;
    private readonly decimal? _multipleOf;

    public NumberRule(SchemaKeywords keywords)
    {
        _minimum = keywords.Number("minimum");
        _maximum = keywords.Number("maximum");
        _above = keywords.Number("exclusiveMinimum");
        _below = keywords.Number("exclusiveMaximum");
        _multipleOf = keywords.Number("multipleOf");
        if (_multipleOf <= 0)
            throw keywords.Bad("multipleOf", "a number above 0");
    }

    public string? FindError(JsonElement value, string path)
    {
        string? wanted = null;
        if (Compare(value, _minimum) < 0)
            wanted = $"at least {_minimum}";
        else if (Compare(value, _maximum) > 0)
            wanted = $"at most {_maximum}";
        else if (Compare(value, _above) <= 0)
            wanted = $"above {_above}";
        else if (Compare(value, _below) >= 0)
            wanted = $"below {_below}";
        else if (_multipleOf is { } step && !(value.TryGetDecimal(out decimal number) && number % step == 0))
            wanted = $"a multiple of {step}";
        return wanted is null ? null : $"{SchemaText.Subject(path)} must be {wanted}, found {SchemaText.Shown(value)}.";
    }

    /// <summary>A number that is too large for decimal is beyond every bound, which is one. Null where there is no bound.</summary>
    private static int? Compare(JsonElement value, decimal? bound) =>
        bound is not { } limit ? null
        : value.TryGetDecimal(out decimal number) ? number.CompareTo(limit)
        : value.GetDouble() < 0 ? -1 : 1;
}
