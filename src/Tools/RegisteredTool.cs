using System.Text.RegularExpressions;
using AgentRollout.Tools.Schema;

namespace AgentRollout.Tools;

/// <summary>A tool of a catalog, with the check of its arguments.</summary>
public sealed partial class RegisteredTool
{
    private RegisteredTool(ITool tool, string owner, JsonSchemaValidator arguments) => (Tool, Owner, Arguments) = (tool, owner, arguments);

    public ITool Tool { get; }

    /// <summary>The <see cref="ToolGroup.Owner"/> that it came with.</summary>
    public string Owner { get; }

    internal JsonSchemaValidator Arguments { get; }

    /// <exception cref="ToolException">The name is malformed, or the schema uses a keyword that is not enforced.</exception>
    internal static RegisteredTool Create(ITool tool, string owner)
    {
        ToolSpec spec = tool.Spec;
        if (!NamePattern().IsMatch(spec.Name))
            throw new ToolException($"Tool name '{spec.Name}' is malformed; a name has 1 to 64 letters, digits, underscores and dashes.");
        try
        {
            return new RegisteredTool(tool, owner, JsonSchemaValidator.Compile(spec.Parameters));
        }
        catch (ToolException error)
        {
            throw new ToolException($"Tool '{spec.Name}': {error.Message}", error);
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex NamePattern();
}
