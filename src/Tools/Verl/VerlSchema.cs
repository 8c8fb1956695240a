using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentRollout.Tools.Verl;

/// <summary>The <c>tool_schema</c> of an entry: what the model is told of a tool.</summary>
internal static class VerlSchema
{
    /// <exception cref="ToolException">A member is missing, unknown or of another type.</exception>
    public static ToolSpec Read(VerlSection schema)
    {
        if (schema.RequiredText("type") is var type and not "function")
            throw new ToolException($"the 'type' of a 'tool_schema' is '{type}'; it must be function.");
        VerlSection function = schema.Section("function");
        JsonObject parameters = function.Mapping("parameters");
        MendItems(parameters);
        ToolSpec spec = new(function.RequiredText("name"), function.RequiredText("description"), JsonElement.Parse(parameters.ToJsonString()));
        // An option of one vendor's decoder; the arguments are checked against the schema in any case.
        function.Flag("strict", standard: false);
        function.RefuseOthers();
        schema.RefuseOthers();
        return spec;
    }

    /// <exception cref="ToolException">The schema lacks the argument that the class reads.</exception>
    public static void Require(ToolSpec spec, string className, string argument)
    {
        if (!spec.Parameters.TryGetProperty("properties", out JsonElement properties) || !properties.TryGetProperty(argument, out _))
            throw new ToolException($"Class {className} reads the argument '{argument}', which the 'tool_schema' of '{spec.Name}' does not have.");
    }

    /// <summary>verl's own example says <c>item</c> of an array where JSON Schema says <c>items</c>.</summary>
    private static void MendItems(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            foreach (JsonNode? item in list)
                MendItems(item);
        }
        else if (node is JsonObject members)
        {
            bool isArray = members["type"] is JsonValue type && type.TryGetValue(out string? name) && name == "array";
            if (isArray && !members.ContainsKey("items") && members.Remove("item", out JsonNode? misspelt))
                members["items"] = misspelt;
            foreach ((_, JsonNode? member) in members)
                MendItems(member);
        }
    }
}
