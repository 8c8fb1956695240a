namespace AgentRollout.Tools.Schema;

/// <summary>Where a <c>$ref</c> leads; the schema may still be in the making while it refers to itself.</summary>
internal sealed class SchemaReference(string pointer)
{
    private JsonSchemaValidator? _target;

    public string Pointer => pointer;

    public JsonSchemaValidator Target
    {
        get => _target ?? throw new InvalidOperationException($"The schema at '{pointer}' is not compiled.");
        set => _target = value;
    }
}
