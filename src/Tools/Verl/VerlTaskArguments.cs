using System.Text.Json;

namespace AgentRollout.Tools.Verl;

/// <summary>Schemas of what a task's <c>tools_kwargs</c> may hold for a tool.</summary>
internal static class VerlTaskArguments
{
    /// <summary>For classes that, like verl's own, take them and use none.</summary>
    public static JsonElement Unused { get; } = Schema("""{"type": "object", "nullable": true}""", "");

    /// <param name="create">Schema of <c>create_kwargs</c>, which must be there.</param>
    public static JsonElement Create(string create) => Schema(create, "\"create_kwargs\"", """{"type": "object", "nullable": true, "additionalProperties": false}""");

    private static JsonElement Schema(string create, string required, string? others = null) => JsonElement.Parse(
        $$"""
        {
            "type": "object",
            "required": [{{required}}],
            "properties": {
                "create_kwargs": {{create}},
                "execute_kwargs": {{others ?? create}},
                "calc_reward_kwargs": {{others ?? create}},
                "release_kwargs": {{others ?? create}}
            }
        }
        """);
}
