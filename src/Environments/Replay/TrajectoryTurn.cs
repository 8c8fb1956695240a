using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Replay;

/// <summary>One step of a trajectory for people: what was said, called and answered, and what it cost in tokens.</summary>
public sealed record TrajectoryTurn
{
    /// <summary>0 for the prompt, else the assistant turn.</summary>
    public required int Turn { get; init; }

    /// <summary>The prompt's messages; or the assistant's message and what answered it.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Every attempted call of the turn.</summary>
    public required IReadOnlyList<TrajectoryToolCall> ToolCalls { get; init; }

    /// <summary>Tokens of the prompt; 0 but for turn 0 and where a turn began a new sequence.</summary>
    public required int PromptTokens { get; init; }

    public required int SampledTokens { get; init; }

    /// <summary>Tokens of what environment and tools said, with the template's glue around them.</summary>
    public required int AnswerTokens { get; init; }

    /// <summary>Mean of the recorded log-probabilities; null where there is none.</summary>
    public required double? MeanLogprob { get; init; }

    /// <summary>The weights that sampled, in order.</summary>
    public required IReadOnlyList<long> WeightVersions { get; init; }

    /// <summary>Why sampling ended; null where the turn was cut, and for turn 0.</summary>
    public required string? FinishReason { get; init; }

    /// <summary>The steps of a trajectory, from one of them on.</summary>
    public static IReadOnlyList<TrajectoryTurn> Read(Trajectory trajectory, int fromTurn = 0)
    {
        List<ChatMessage>[] messages = MessagesByTurn(trajectory);
        ILookup<int, (TrajectorySequence Sequence, TokenSegment Segment)> segments = trajectory.Sequences
            .SelectMany(sequence => sequence.Segments.Select(segment => (sequence, segment)))
            .ToLookup(pair => pair.segment.Turn);
        return [.. Enumerable.Range(0, messages.Length).Skip(fromTurn).Select(turn => Describe(trajectory, turn, messages[turn], [.. segments[turn]]))];
    }

    private static TrajectoryTurn Describe(
        Trajectory trajectory, int turn, List<ChatMessage> messages, (TrajectorySequence Sequence, TokenSegment Segment)[] segments)
    {
        (TrajectorySequence Sequence, TokenSegment Segment)[] sampled = [.. segments.Where(pair => pair.Segment.Source == SegmentSource.Sampled)];
        return new TrajectoryTurn
        {
            Turn = turn,
            Messages = messages,
            ToolCalls = [.. trajectory.ToolCalls.Where(call => call.Turn == turn)],
            PromptTokens = Count(SegmentSource.Prompt),
            SampledTokens = Count(SegmentSource.Sampled),
            AnswerTokens = Count(SegmentSource.Observation) + Count(SegmentSource.Scaffold),
            MeanLogprob = sampled.SelectMany(pair => pair.Sequence.Logprobs[pair.Segment.Start..pair.Segment.End]).Average(logprob => (double?)logprob),
            WeightVersions = [.. sampled.Select(pair => pair.Segment.WeightVersion).OfType<long>().Distinct()],
            FinishReason = sampled is [.., var last] ? last.Segment.FinishReason : null,
        };

        int Count(SegmentSource source) =>
            segments.Where(pair => pair.Segment.Source == source).Sum(pair => pair.Segment.End - pair.Segment.Start);
    }

    /// <summary>
    /// Messages by turn, those of the prompt first. A prompt may hold assistant messages of its own, so that sampled ones are counted from
    /// the end: as many as turns that were sampled to their end, since one that was cut has no message.
    /// </summary>
    private static List<ChatMessage>[] MessagesByTurn(Trajectory trajectory)
    {
        List<SampledSpan> spans = SampledSpan.Of(trajectory);
        int read = spans.Count(span => span.FinishReason is not null);
        int inPrompt = trajectory.Messages.Count(message => message.Role == "assistant") - read;
        List<ChatMessage>[] turns = [.. Enumerable.Range(0, spans.Count + 1).Select(_ => new List<ChatMessage>())];
        int assistant = 0, turn = 0;
        foreach (ChatMessage message in trajectory.Messages)
        {
            if (message.Role == "assistant" && ++assistant > inPrompt)
                turn = Math.Min(turn + 1, spans.Count);
            turns[turn].Add(message);
        }

        return turns;
    }
}
