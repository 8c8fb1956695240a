using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Journal;

/// <summary>The events that a sealed trajectory tells of: what its journal would say, but for times and for what the loop cut from results.</summary>
public static class JournalEvents
{
    /// <param name="trajectory">One whose mask policy counts all sampled tokens, or that sampled none: a narrower one keeps no log-probabilities of the rest.</param>
    /// <exception cref="ArgumentException">Log-probabilities are missing.</exception>
    public static IReadOnlyList<JournalEvent> Of(Trajectory trajectory)
    {
        List<JournalEvent> events = [trajectory.Parent is { } parent ? new TrajectoryForked(parent, trajectory.Seed) : new TrajectoryBegan()];
        AnsweredTurns messages = new(trajectory);
        for (int i = 0; i < trajectory.Sequences.Count; i++)
        {
            TrajectorySequence sequence = trajectory.Sequences[i];
            TokenSegment[] rest = [.. sequence.Segments];
            while (rest is [var first, ..])
            {
                int count = rest.TakeWhile(segment => segment.Turn == first.Turn && IsSampled(segment) == IsSampled(first)).Count();
                TokenSegment[] run = rest[..count];
                rest = rest[count..];
                if (IsSampled(first))
                {
                    events.Add(TurnOf(trajectory, sequence, run));
                    events.AddRange(CallsOf(trajectory, first.Turn));
                }
                else if (first is { Source: SegmentSource.Prompt, Turn: 0 })
                {
                    events.Add(new PromptRendered(messages.BeforeFirst, sequence.TokenIds.AsMemory(first.Start..first.End)));
                }
                else
                {
                    List<ChatMessage> answer = messages.After(first.Turn);
                    bool answersCalls = answer is [{ Role: "tool" }, ..];
                    events.Add(new MessagesAppended(
                        answersCalls ? null : answer,
                        answersCalls ? [.. answer.Select(message => message.ToolCallId!)] : null,
                        [.. run.Select(segment => new RenderedSpan(segment.Source, sequence.TokenIds[segment.Start..segment.End]))],
                        StartsSequence: first.Source == SegmentSource.Prompt));
                }
            }
        }

        return [.. events, .. EndOf(trajectory)];
    }

    /// <summary>What is written with the sealed trajectory.</summary>
    public static IReadOnlyList<JournalEvent> EndOf(Trajectory trajectory) =>
        trajectory.StopReason == StopReason.EnvironmentDone ? [new EpisodeRewarded(trajectory.RewardComponents)] : [];

    private static bool IsSampled(TokenSegment segment) => segment.Source == SegmentSource.Sampled;

    private static TurnSampled TurnOf(Trajectory trajectory, TrajectorySequence sequence, TokenSegment[] run)
    {
        (int start, int end) = (run[0].Start, run[^1].End);
        return new TurnSampled(
            run[0].Turn,
            [.. run.Select(segment => new WeightRun(segment.End - segment.Start, segment.WeightVersion ?? 0))],
            sequence.TokenIds.AsMemory(start..end),
            Array.ConvertAll(sequence.Logprobs[start..end], logprob => logprob ?? (trajectory.Audit.Lacks(TrajectoryAudit.Raw) ? float.NaN : throw new ArgumentException(
                $"Trajectory '{trajectory.Id}' lacks log-probabilities of sampled tokens, because its mask policy is narrower than all of them.", nameof(trajectory)))),
            sequence.SamplingLogprobs is { } sampling
                ? Array.ConvertAll(sampling[start..end], logprob => logprob ?? float.NaN)
                : default(ReadOnlyMemory<float>?),
            Enum.TryParse(run[^1].FinishReason, ignoreCase: true, out FinishReason finish) ? finish : null,
            Timings: null);
    }

    private static IEnumerable<JournalEvent> CallsOf(Trajectory trajectory, int turn)
    {
        TrajectoryToolCall[] calls = [.. trajectory.ToolCalls.Where(call => call.Turn == turn)];
        if (calls is [])
            yield break;
        yield return new CallsRequested([.. calls.Select(call => call.Id)]);
        foreach (TrajectoryToolCall call in calls.Where(call => call.Result is not null))
        {
            ToolFailure? failure = call switch
            {
                { Error: null } => null,
                { Parse: ToolCallStatus.UnknownTool } => ToolFailure.UnknownTool,
                { Parse: ToolCallStatus.InvalidArguments } => ToolFailure.InvalidArguments,
                { Attempts: 0 } => ToolFailure.OverLimit,
                _ => ToolFailure.Threw,
            };
            yield return new CallAnswered(
                call.Id,
                new ToolResult(call.Result!, failure, TimeSpan.FromMilliseconds(call.QueueMs), TimeSpan.FromMilliseconds(call.RunMs), call.Attempts)
                {
                    Sandbox = call.Sandbox,
                    Score = ScoreOf(trajectory, call),
                });
        }
    }

    /// <summary>What a tool's calls scored in the end; only the last of them tells, since the record keeps no other.</summary>
    private static double? ScoreOf(Trajectory trajectory, TrajectoryToolCall call) =>
        ReferenceEquals(call, trajectory.ToolCalls.LastOrDefault(other => other.Name == call.Name && other.Result is not null))
        && trajectory.RewardComponents.TryGetValue($"tool:{call.Name}", out double score)
            ? score
            : null;

    /// <summary>The messages by the assistant turn that they follow.</summary>
    private sealed class AnsweredTurns
    {
        private readonly List<List<ChatMessage>> _answers = [[]];

        public AnsweredTurns(Trajectory trajectory)
        {
            // The environment may begin with assistant messages of its own, and a turn that was cut while it was sampled has none.
            int turns = trajectory.Turns;
            bool isCut = trajectory.Sequences is [.., { Segments: [.., { Source: SegmentSource.Sampled, FinishReason: null }] }];
            int before = trajectory.Messages.Count(IsAssistant) - (isCut ? turns - 1 : turns);
            foreach (ChatMessage message in trajectory.Messages)
            {
                if (IsAssistant(message) && --before < 0)
                    _answers.Add([]);
                else
                    _answers[^1].Add(message);
            }
        }

        public List<ChatMessage> BeforeFirst => _answers[0];

        public List<ChatMessage> After(int turn) => turn < _answers.Count ? _answers[turn] : [];

        private static bool IsAssistant(ChatMessage message) => message.Role == "assistant";
    }
}
