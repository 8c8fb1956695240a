using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Replay;

/// <summary>What of a record a model does not tell: its bookkeeping, and whether its messages and results say what its tokens do.</summary>
internal static class RecordCheck
{
    /// <summary>The first thing that is wrong, as one sentence, or null.</summary>
    public static string? FindProblem(Trajectory trajectory, ChatFormat format) =>
        TrajectoryAuditor.FindProblem(trajectory) ?? FindResultProblem(trajectory) ?? FindTextProblem(trajectory, format);

    private static string? FindResultProblem(Trajectory trajectory)
    {
        Dictionary<string, string?> read = [];
        foreach (ChatMessage message in trajectory.Messages)
        {
            if (message.ToolCallId is { } id)
                read[id] = message.Content;
        }

        foreach (TrajectoryToolCall call in trajectory.ToolCalls)
        {
            if (read.TryGetValue(call.Id, out string? content) && content != call.Result)
                return $"The result of call '{call.Id}' in turn {call.Turn} is not what the conversation says the model read.";
        }

        return null;
    }

    private static string? FindTextProblem(Trajectory trajectory, ChatFormat format)
    {
        if (trajectory.Sequences is not [var only] || trajectory.Model.TemplateHash != format.Template.Hash)
            return null;
        (string kind, TemplateDifference? difference) = TemplateAudit.Run(format, only, trajectory.Messages, trajectory.Tools);
        if (ModelAuditor.SaysTheSame(trajectory.Audit, (kind, difference)))
            return null;
        return difference is null
            ? $"The messages say what the tokens do, but the record's own audit says '{trajectory.Audit.Template}'."
            : $"From token {difference.Position} of sequence {difference.Sequence} on, the tokens say '{difference.Tokens}' and the messages '{difference.Template}'.";
    }
}
