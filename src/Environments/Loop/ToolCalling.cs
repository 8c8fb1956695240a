using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Environments.Loop;

/// <summary>Sends the calls of a turn to their tools, all at once, and records every one of them with its result.</summary>
internal sealed class ToolCalling(IToolDispatcher dispatcher)
{
    /// <summary>The tool messages in the order of the calls.</summary>
    public async Task<IReadOnlyList<ChatMessage>> RunAsync(
        Episode episode, SampledTurn turn, IProgress<RolloutEvent>? progress, CancellationToken cancellationToken)
    {
        ToolResult[] results;
        try
        {
            results = await Task.WhenAll(turn.Calls.Select((call, index) =>
                RunOneAsync(episode, call.ToToolCall(), index, cancellationToken)));
        }
        catch (OperationCanceledException)
        {
            RecordUnanswered(episode, turn, "The call was cancelled before its result came.");
            throw;
        }

        List<ChatMessage> messages = new(results.Length);
        foreach ((AttemptedCall call, ToolResult result) in turn.Calls.Zip(results))
        {
            TrajectoryToolCall recorded = Record(episode, call, result);
            episode.ToolCalls.Add(recorded);
            if (result.Score is { } score)
                episode.ToolScores[call.Parsed.Name!] = score;
            messages.Add(ChatMessage.Tool(call.Id, call.Parsed.Name!, result.Text));
            progress?.Report(new ToolCallFinished(
                episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn, call.Id, recorded.Name, recorded.Error, recorded.RunMs));
        }

        return messages;
    }

    /// <summary>Records the calls of a turn that will get no answer.</summary>
    public static void RecordUnanswered(Episode episode, SampledTurn turn, string reason)
    {
        foreach (AttemptedCall call in turn.Calls)
            episode.ToolCalls.Add(Record(episode, call, result: null) with { Error = call.Parsed.Error ?? reason });
    }

    private async Task<ToolResult> RunOneAsync(Episode episode, ToolCall call, int index, CancellationToken cancellationToken)
    {
        RolloutLimits limits = episode.Spec.Limits;
        if (index >= limits.MaxToolCallsPerTurn)
            return Refused($"This turn makes more than {limits.MaxToolCallsPerTurn} calls; this one was not run.", ToolFailure.Undeliverable);
        if (!episode.Tools.Any(tool => tool.Name == call.Name))
        {
            string known = string.Join(", ", episode.Tools.Select(tool => tool.Name));
            return Refused($"Tool '{call.Name}' is unknown; known tools: {known}.", ToolFailure.UnknownTool);
        }

        ToolInvocation invocation = new($"{episode.Spec.TrajectoryId}/{call.Id}", episode.Spec.TrajectoryId, call.Name, call.Arguments)
        {
            TaskArguments = episode.ToolArguments.TryGetValue(call.Name, out JsonElement given) ? given : null,
        };
        return await Boundary.RunAsync(
            FailureBoundary.Tool,
            async () => await dispatcher.DispatchAsync(invocation, limits.ToolTimeout, cancellationToken));
    }

    private static ToolResult Refused(string text, ToolFailure failure) => new(text, failure, TimeSpan.Zero, TimeSpan.Zero, Attempts: 0);

    private static TrajectoryToolCall Record(Episode episode, AttemptedCall call, ToolResult? result) => new()
    {
        Id = call.Id,
        Turn = episode.Turn,
        Name = call.Parsed.Name,
        Arguments = call.Parsed.Arguments,
        Sequence = episode.SequenceIndex,
        TokenSpan = call.TokenSpan,
        Parse = call.Parsed.Outcome == ParseOutcome.Malformed ? ToolCallStatus.Malformed : Status(result?.Failure),
        Result = result?.Text,
        Error = result?.Failure is null ? null : result.Text,
        Attempts = result?.Attempts ?? 0,
        QueueMs = Math.Round(result?.Queue.TotalMilliseconds ?? 0, 3),
        RunMs = Math.Round(result?.Run.TotalMilliseconds ?? 0, 3),
        Sandbox = null,
    };

    private static ToolCallStatus Status(ToolFailure? failure) => failure switch
    {
        ToolFailure.UnknownTool => ToolCallStatus.UnknownTool,
        ToolFailure.InvalidArguments => ToolCallStatus.InvalidArguments,
        _ => ToolCallStatus.Ok,
    };
}
