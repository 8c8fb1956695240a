using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using AgentRollout.Environments.Loop;
using AgentRollout.Tools;

namespace AgentRollout.Gateway;

/// <summary>How much of a tool's result the model reads; what is null is said elsewhere.</summary>
internal record ToolResultLimits
{
    /// <summary>Most UTF-16 units of a result.</summary>
    [Range(ResultLimits.MinCharacters, ResultLimits.MaxCharacterLimit)]
    public int? MaxCharacters { get; set; }

    /// <summary>Most tokens of a result.</summary>
    [Range(ResultLimits.MinTokens, ResultLimits.MaxTokenLimit)]
    public int? MaxTokens { get; set; }

    /// <summary>What is left out of a longer result: <c>middle</c>, <c>left</c> or <c>right</c>.</summary>
    public Truncation? Truncate { get; set; }
}

/// <summary>The same for all tools, and by name for tools with limits of their own.</summary>
internal sealed record ToolResultSettings : ToolResultLimits
{
    /// <summary>By name of the tool.</summary>
    public IReadOnlyDictionary<string, ToolResultLimits> ByTool { get; set; } = FrozenDictionary<string, ToolResultLimits>.Empty;

    /// <summary>
    /// Limits with what a rollout asks for put into force, member by member: first what it says of a tool, then what it says of all, then what the server's settings
    /// say of the tool, then of all, then the default.
    /// </summary>
    public static RolloutLimits Apply(RolloutLimits limits, ToolResultSettings server, ToolResultSettings rollout) => limits with
    {
        Results = Join([rollout, server]),
        ResultsByTool = rollout.ByTool.Keys.Union(server.ByTool.Keys).ToFrozenDictionary(
            tool => tool,
            tool => Join([rollout.Of(tool), rollout, server.Of(tool), server]),
            StringComparer.Ordinal),
    };

    private ToolResultLimits Of(string tool) => ByTool.GetValueOrDefault(tool) ?? new ToolResultLimits();

    private static ResultLimits Join(ToolResultLimits[] firstWins) => new()
    {
        MaxCharacters = firstWins.Select(limits => limits.MaxCharacters).FirstOrDefault(value => value is not null) ?? ResultLimits.DefaultCharacters,
        MaxTokens = firstWins.Select(limits => limits.MaxTokens).FirstOrDefault(value => value is not null),
        Truncate = firstWins.Select(limits => limits.Truncate).FirstOrDefault(value => value is not null) ?? default,
    };
}
