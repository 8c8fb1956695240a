using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// Writes the JSON schema of a method's arguments. Types, nullability and defaults come from the signature; <c>[Description]</c>,
/// <c>[Range]</c> and <c>[StringLength]</c> on a parameter add what their names say.
/// </summary>
internal static class MethodSchema
{
    private static readonly JsonSchemaExporterOptions ExporterOptions = new()
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = (context, node) => Describe(node, context.PropertyInfo?.AttributeProvider),
    };

    public static JsonElement Write(MethodInfo method)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (ParameterInfo parameter in method.GetParameters().Where(IsArgument))
        {
            string name = ToolJson.NameOf(parameter.Name!);
            properties.Add(name, WriteParameter(method, parameter));
            if (!parameter.HasDefaultValue)
                required.Add(name);
        }

        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties };
        if (required.Count > 0)
            schema.Add("required", required);
        return JsonSerializer.SerializeToElement(schema, ToolJson.Options);
    }

    private static bool IsArgument(ParameterInfo parameter) =>
        parameter.ParameterType != typeof(CancellationToken) && parameter.ParameterType != typeof(ToolInvocation);

    private static JsonObject WriteParameter(MethodInfo method, ParameterInfo parameter)
    {
        JsonObject schema = Export(method, parameter);
        if (IsNullableReference(parameter) && schema["type"] is JsonValue type)
            schema["type"] = new JsonArray(type.DeepClone(), "null");
        if (parameter.GetCustomAttribute<RangeAttribute>() is { } range)
        {
            schema.Add("minimum", JsonSerializer.SerializeToNode(range.Minimum));
            schema.Add("maximum", JsonSerializer.SerializeToNode(range.Maximum));
        }

        if (parameter.GetCustomAttribute<StringLengthAttribute>() is { } length)
        {
            if (length.MinimumLength > 0)
                schema.Add("minLength", length.MinimumLength);
            schema.Add("maxLength", length.MaximumLength);
        }

        if (parameter is { HasDefaultValue: true, DefaultValue: { } value })
            schema.Add("default", JsonSerializer.SerializeToNode(value, parameter.ParameterType, ToolJson.Options));
        Describe(schema, parameter);
        return schema;
    }

    private static JsonObject Export(MethodInfo method, ParameterInfo parameter)
    {
        try
        {
            ThrowIfUnreadable(parameter.ParameterType);
            // The exporter writes `true` for a type that takes anything.
            JsonObject schema = ToolJson.Options.GetJsonSchemaAsNode(parameter.ParameterType, ExporterOptions) as JsonObject ?? [];
            MoveReferences(schema, $"#/properties/{ToolJson.NameOf(parameter.Name!)}");
            return schema;
        }
        catch (Exception error) when (error is NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new ToolException(
                $"Parameter '{parameter.Name}' of '{method.DeclaringType?.FullName}.{method.Name}' has the type {parameter.ParameterType}, which no JSON argument can have.",
                error);
        }
    }

    /// <summary>A type that contains itself refers to its own schema, which becomes a part of the whole.</summary>
    private static void MoveReferences(JsonNode? node, string root)
    {
        if (node is JsonArray items)
        {
            foreach (JsonNode? item in items)
                MoveReferences(item, root);
        }

        if (node is not JsonObject schema)
            return;
        if (schema["$ref"] is JsonValue reference)
            schema["$ref"] = root + reference.GetValue<string>()[1..];
        foreach ((_, JsonNode? member) in schema)
            MoveReferences(member, root);
    }

    /// <summary>The serializer alone knows which types it can read, and says so only when it is asked to read one.</summary>
    private static void ThrowIfUnreadable(Type type)
    {
        try
        {
            JsonSerializer.Deserialize("{}", type, ToolJson.Options);
        }
        catch (JsonException)
        {
            // Readable, but not from an empty object.
        }
    }

    private static bool IsNullableReference(ParameterInfo parameter) =>
        !parameter.ParameterType.IsValueType && new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.Nullable;

    private static JsonNode Describe(JsonNode node, ICustomAttributeProvider? provider)
    {
        if (node is JsonObject schema && provider?.GetCustomAttributes(typeof(DescriptionAttribute), true) is [DescriptionAttribute found, ..])
            schema["description"] = found.Description;
        return node;
    }
}
