using System.Text.Json;
using System.Text.RegularExpressions;
using AgentRollout.Tools.Schema;

namespace AgentRollout.Tools;

/// <summary>A tool of a catalog, with the check of its arguments.</summary>
public sealed partial class RegisteredTool
{
    private static readonly JsonElement AnyObject = JsonElement.Parse("""{"type":"object"}""");
    private static readonly JsonElement Nothing = JsonElement.Parse("{}");

    private readonly JsonSchemaValidator? _taskArguments;

    private RegisteredTool(ITool tool, string owner)
    {
        Tool = tool;
        Owner = owner;
        Arguments = JsonSchemaValidator.Compile(tool.Spec.ChecksArguments ? AnyObject : tool.Spec.Parameters);
        _taskArguments = tool.Spec.TaskArguments is { } schema ? JsonSchemaValidator.Compile(schema) : null;
    }

    public ITool Tool { get; }

    /// <summary>The <see cref="ToolSource.Owner"/> that it came with.</summary>
    public string Owner { get; }

    internal JsonSchemaValidator Arguments { get; }

    /// <summary>Says what is wrong with what a task tells the tool (<see cref="ToolSpec.TaskArguments"/>), or null; nothing counts as <c>{}</c>.</summary>
    public string? FindTaskArgumentsError(JsonElement? given) => (_taskArguments, given) switch
    {
        (null, null) => null,
        (null, _) => $"Tool '{Tool.Spec.Name}' takes nothing from tasks.",
        _ => _taskArguments.FindError(given ?? Nothing),
    };

    /// <exception cref="ToolException">The name is malformed, or the schema uses a keyword that is not enforced.</exception>
    internal static RegisteredTool Create(ITool tool, string owner)
    {
        ToolSpec spec = tool.Spec;
        if (!NamePattern().IsMatch(spec.Name))
            throw new ToolException($"Tool name '{spec.Name}' is malformed; a name has 1 to 64 letters, digits, underscores and dashes.");
        try
        {
            return new RegisteredTool(tool, owner);
        }
        catch (ToolException error)
        {
            throw new ToolException($"Tool '{spec.Name}': {error.Message}", error);
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex NamePattern();
}
