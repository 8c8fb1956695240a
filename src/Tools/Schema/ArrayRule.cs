using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>What a schema asks of arrays: <c>prefixItems</c>, <c>items</c>, <c>minItems</c>, <c>maxItems</c> and <c>uniqueItems</c>.</summary>
internal sealed class ArrayRule
{
    private readonly IReadOnlyList<JsonSchemaValidator> _first;
    private readonly JsonSchemaValidator? _items;
    private readonly int? _minItems;
    private readonly int? _maxItems;
    private readonly bool _unique;

    public ArrayRule(SchemaKeywords keywords)
    {
        _first = keywords.SchemaList("prefixItems") ?? [];
        _items = keywords.Schema("items");
        _minItems = keywords.Length("minItems");
        _maxItems = keywords.Length("maxItems");
        _unique = keywords.Flag("uniqueItems");
    }

    public string? FindError(JsonElement value, string path, CheckBudget budget)
    {
        int count = value.GetArrayLength();
        if (count < _minItems)
            return $"{SchemaText.Subject(path)} must have at least {_minItems} items, found {count}.";
        if (count > _maxItems)
            return $"{SchemaText.Subject(path)} must have at most {_maxItems} items, found {count}.";

        int index = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            JsonSchemaValidator? schema = index < _first.Count ? _first[index] : _items;
            if (schema?.FindError(item, $"{path}[{index}]", budget) is { } error)
                return error;
            if (_unique && value.EnumerateArray().Take(index).Any(earlier => budget.TrySpend() && JsonElement.DeepEquals(earlier, item)))
                return $"{SchemaText.Subject($"{path}[{index}]")} is {SchemaText.Shown(item)} again; the items must be different.";
            if (budget.IsSpent)
                return CheckBudget.Spent;
            index++;
        }

        return null;
    }
}
