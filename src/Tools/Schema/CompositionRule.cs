using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>The schemas that speak of the same value: <c>$ref</c>, <c>allOf</c>, <c>anyOf</c>, <c>oneOf</c> and <c>not</c>.</summary>
internal sealed class CompositionRule
{
    private const int MostCasesShown = 4;
    private const int MostTextShown = 1000;

    private readonly SchemaReference? _reference;
    private readonly IReadOnlyList<JsonSchemaValidator> _all;
    private readonly IReadOnlyList<JsonSchemaValidator>? _any;
    private readonly IReadOnlyList<JsonSchemaValidator>? _one;
    private readonly JsonSchemaValidator? _not;

    /// <param name="keywords">The schema.</param>
    /// <param name="isComposed">Whether others than the composed schemas speak of the same object.</param>
    public CompositionRule(SchemaKeywords keywords, bool isComposed)
    {
        _reference = keywords.Reference(isComposed);
        _all = keywords.SchemaList("allOf", isComposed: true) ?? [];
        _any = keywords.SchemaList("anyOf", isComposed);
        _one = keywords.SchemaList("oneOf", isComposed);
        _not = keywords.Schema("not", isComposed: true);
    }

    /// <summary>All schemas that are asked about the value itself.</summary>
    public IEnumerable<JsonSchemaValidator> Parts =>
        [.. _reference is null ? [] : new[] { _reference.Target }, .. _all, .. _any ?? [], .. _one ?? [], .. _not is null ? [] : new[] { _not }];

    /// <summary>The one schema that this one only points to.</summary>
    public JsonSchemaValidator? Alias => _reference?.Target ?? (_all is [var only] ? only : null);

    public string? FindError(JsonElement value, string path, CheckBudget budget)
    {
        if (_reference?.Target.FindError(value, path, budget) is { } referred)
            return referred;
        foreach (JsonSchemaValidator part in _all)
        {
            if (part.FindError(value, path, budget) is { } error)
                return error;
        }

        if (_any is not null && FindAnyError(_any, value, path, budget) is { } none)
            return none;
        if (_one is not null && FindOneError(_one, value, path, budget) is { } wrong)
            return wrong;
        return _not is not null && _not.FindError(value, path, budget) is null
            ? $"{SchemaText.Subject(path)} must not have this form, found {SchemaText.Shown(value)}."
            : null;
    }

    private static string? FindAnyError(IReadOnlyList<JsonSchemaValidator> cases, JsonElement value, string path, CheckBudget budget)
    {
        var errors = new string[cases.Count];
        for (int i = 0; i < cases.Count; i++)
        {
            if (cases[i].FindError(value, path, budget) is not { } error)
                return null;
            errors[i] = error;
        }

        return NoCase(cases, errors, value, path);
    }

    private static string? FindOneError(IReadOnlyList<JsonSchemaValidator> cases, JsonElement value, string path, CheckBudget budget)
    {
        string?[] errors = [.. cases.Select(part => part.FindError(value, path, budget))];
        return errors.Count(error => error is null) switch
        {
            0 => NoCase(cases, errors!, value, path),
            1 => null,
            int fitting => $"{SchemaText.Subject(path)} fits {fitting} of the forms of which it must fit exactly one, found {SchemaText.Shown(value)}.",
        };
    }

    /// <summary>Where the value's type or tags leave one case, its error is what helps; where they leave none, the types are.</summary>
    private static string NoCase(IReadOnlyList<JsonSchemaValidator> cases, string[] errors, JsonElement value, string path)
    {
        int[] sameType = [.. Enumerable.Range(0, cases.Count).Where(i => cases[i].AdmitsTypeOf(value))];
        if (sameType is [] && cases.All(part => part.Types is not null))
            return $"{SchemaText.Subject(path)} must be {SchemaText.AnyOf(cases.SelectMany(part => part.Types!).Distinct())}, found {SchemaText.Shown(value)}.";
        int[] sameTags = [.. sameType.Where(i => cases[i].HasTagsOf(value))];
        int[] near = sameTags is not [] ? sameTags : sameType is not [] ? sameType : [.. Enumerable.Range(0, cases.Count)];
        if (near is [int only])
            return errors[only];
        string shown = string.Join("; or ", near.Take(MostCasesShown).Select(i => errors[i].TrimEnd('.')));
        if (shown.Length > MostTextShown)
            return $"{SchemaText.Subject(path)} fits none of the allowed forms, found {SchemaText.Shown(value)}.";
        return $"{SchemaText.Subject(path)} fits none of the allowed forms: {shown}{(near.Length > MostCasesShown ? "; or others" : "")}.";
    }
}
