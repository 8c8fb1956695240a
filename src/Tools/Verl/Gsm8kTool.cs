using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// verl's <c>Gsm8kTool</c>: tells the model whether <c>answer</c> is the task's. Its state is created by the first call of a trajectory from
/// <c>create_kwargs.ground_truth</c> and released at the end; its score is 1 where the last number of the last answer is the ground truth.
/// </summary>
internal sealed partial class Gsm8kTool : ITool, ITrajectoryEnd
{
    private const string Answer = "answer";

    /// <summary>How much of an answer is looked at, from its end.</summary>
    private const int ReadCharacters = 300;

    private static readonly JsonElement TaskArguments = VerlTaskArguments.Create(
        """{"type": "object", "properties": {"ground_truth": {"type": "string"}}, "required": ["ground_truth"]}""");

    private readonly ConcurrentDictionary<string, string> _groundTruths = [];

    private Gsm8kTool(ToolSpec spec) => Spec = spec with { TaskArguments = TaskArguments };

    /// <inheritdoc/>
    public ToolSpec Spec { get; }

    /// <summary>Trajectories that have called and not ended.</summary>
    internal int Held => _groundTruths.Count;

    public static ITool Create(ToolSpec spec)
    {
        VerlSchema.Require(spec, "Gsm8kTool", Answer);
        return new Gsm8kTool(spec);
    }

    /// <inheritdoc/>
    public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        string truth = _groundTruths.GetOrAdd(invocation.TrajectoryId, _ => GroundTruth(invocation));
        string answer = invocation.Arguments.TryGetProperty(Answer, out JsonElement value) ? value.ToString() : "";
        double reward = LastNumber(answer) == truth ? 1 : 0;
        invocation.Score = reward;
        return Task.FromResult(string.Create(CultureInfo.InvariantCulture, $"Current parsed answer='{answer}' reward={reward:0.0}"));
    }

    /// <inheritdoc/>
    public ValueTask TrajectoryEndedAsync(string trajectoryId)
    {
        _groundTruths.TryRemove(trajectoryId, out _);
        return ValueTask.CompletedTask;
    }

    private static string GroundTruth(ToolInvocation invocation) =>
        invocation.TaskArguments is { } given && given.TryGetProperty("create_kwargs", out JsonElement create)
        && create.TryGetProperty("ground_truth", out JsonElement truth)
            ? truth.GetString()!
            : throw new ToolException($"The task gives tool '{invocation.ToolName}' no 'create_kwargs.ground_truth'.");

    private static string? LastNumber(string text)
    {
        string end = text.Length > ReadCharacters ? text[^ReadCharacters..] : text;
        return Number().Matches(end).Select(match => match.Value).LastOrDefault(number => number != ".");
    }

    [GeneratedRegex(@"-?[0-9.,]+")]
    private static partial Regex Number();
}
