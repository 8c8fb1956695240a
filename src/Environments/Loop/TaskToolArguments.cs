using System.Text.Json;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Loop;

/// <summary>
/// What a task tells its tools behind the model's back: the member <c>tools_kwargs</c> of its data, or of <c>extra_info</c> in it, where verl's data
/// sets have it; for each tool by name what its <see cref="ToolSpec.TaskArguments"/> allow.
/// </summary>
public static class TaskToolArguments
{
    private const string Member = "tools_kwargs";
    private const string VerlMember = "extra_info";

    /// <exception cref="RolloutTaskException">
    /// A tool that is not offered is named, or an offered one gets what it does not take or misses what it needs.
    /// </exception>
    public static IReadOnlyDictionary<string, JsonElement> Read(RolloutTask task, IReadOnlyList<RegisteredTool> offered)
    {
        Dictionary<string, JsonElement> given = Given(task);
        foreach (RegisteredTool tool in offered)
        {
            JsonElement? arguments = given.TryGetValue(tool.Tool.Spec.Name, out JsonElement value) ? value : null;
            if (tool.FindTaskArgumentsError(arguments) is { } error)
                throw new RolloutTaskException($"Task '{task.Id}': '{Member}' of tool '{tool.Tool.Spec.Name}': {error}");
        }

        if (given.Keys.FirstOrDefault(name => offered.All(tool => tool.Tool.Spec.Name != name)) is { } unknown)
        {
            throw new RolloutTaskException(
                $"Task '{task.Id}': '{Member}' names tool '{unknown}', which is not offered; offered tools: " +
                $"{string.Join(", ", offered.Select(tool => tool.Tool.Spec.Name).DefaultIfEmpty("none"))}.");
        }

        return given;
    }

    private static Dictionary<string, JsonElement> Given(RolloutTask task)
    {
        Dictionary<string, JsonElement> given = new(StringComparer.Ordinal);
        JsonElement? found = Find(task.Data, Member) ?? (Find(task.Data, VerlMember) is { } extra ? Find(extra, Member) : null);
        if (found is not { } all)
            return given;
        if (all.ValueKind != JsonValueKind.Object)
            throw new RolloutTaskException($"Task '{task.Id}': '{Member}' is a JSON {all.ValueKind}; it must be an object with a member for each tool.");
        foreach (JsonProperty tool in all.EnumerateObject())
        {
            // Columns of a table have a null where another row has something.
            if (tool.Value.ValueKind != JsonValueKind.Null)
                given[tool.Name] = tool.Value;
        }

        return given;
    }

    private static JsonElement? Find(JsonElement data, string member) =>
        data.ValueKind == JsonValueKind.Object && data.TryGetProperty(member, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
