using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>Compiles one schema document; follows its references, which may be recursive.</summary>
internal sealed class SchemaCompiler(JsonElement root)
{
    private readonly Dictionary<(string Pointer, bool IsComposed), SchemaReference> _references = [];

    public JsonSchemaValidator CompileRoot()
    {
        JsonSchemaValidator compiled = Compile(root, "", isComposed: false);
        foreach (SchemaReference reference in _references.Values)
        {
            if (LeadsTo(reference.Target, reference.Target, []))
                throw new ToolException($"schema reference '{reference.Pointer}' leads back to itself and describes nothing.");
        }

        return compiled;
    }

    /// <param name="schema">The schema.</param>
    /// <param name="path">Where it stands in the document, for errors.</param>
    /// <param name="isComposed">Whether other schemas speak of the same object.</param>
    public JsonSchemaValidator Compile(JsonElement schema, string path, bool isComposed) => schema.ValueKind switch
    {
        JsonValueKind.True when path.Length > 0 => JsonSchemaValidator.Anything,
        JsonValueKind.False when path.Length > 0 => JsonSchemaValidator.Nothing,
        _ => new JsonSchemaValidator(new SchemaKeywords(this, schema, path), isComposed),
    };

    /// <exception cref="ToolException">The pointer leads out of the document or to nothing.</exception>
    public SchemaReference Refer(string pointer, string place, bool isComposed)
    {
        if (_references.TryGetValue((pointer, isComposed), out SchemaReference? known))
            return known;
        if (pointer != "#" && !pointer.StartsWith("#/", StringComparison.Ordinal))
            throw new ToolException($"schema reference '{pointer}'{place} leads out of the schema; only references within it, such as '#/$defs/Name', are followed.");
        var reference = new SchemaReference(pointer);
        _references.Add((pointer, isComposed), reference);
        reference.Target = Compile(Find(pointer, place), pointer, isComposed);
        return reference;
    }

    private JsonElement Find(string pointer, string place)
    {
        JsonElement found = root;
        foreach (string step in pointer.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(step).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            bool exists = found.ValueKind switch
            {
                JsonValueKind.Object => found.TryGetProperty(name, out found),
                JsonValueKind.Array => TryGetItem(ref found, name),
                _ => false,
            };
            if (!exists)
                throw new ToolException($"schema reference '{pointer}'{place} leads to nothing.");
        }

        return found;
    }

    private static bool TryGetItem(ref JsonElement array, string index)
    {
        if (!int.TryParse(index, out int number) || number < 0 || number >= array.GetArrayLength())
            return false;
        array = array[number];
        return true;
    }

    private static bool LeadsTo(JsonSchemaValidator from, JsonSchemaValidator target, HashSet<JsonSchemaValidator> seen) =>
        from.Parts.Any(part => part == target || (seen.Add(part) && LeadsTo(part, target, seen)));
}
