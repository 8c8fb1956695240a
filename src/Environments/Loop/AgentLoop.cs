using System.Diagnostics;
using AgentRollout.Environments.Rewards;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Loop;

/// <summary>Plays one trajectory, top to bottom: sample a turn, run its tool calls or ask the environment, append what they say, repeat.</summary>
internal sealed class AgentLoop(ToolCalling toolCalling, ModelReward? reward, IProgress<RolloutEvent>? progress)
{
    /// <summary>
    /// Plays until something ends the episode. Everything sampled so far stays in the episode when cancellation or a failure cuts it.
    /// </summary>
    public async Task<StopReason> RunAsync(Episode episode, CancellationToken cancellationToken)
    {
        await BeginAsync(episode, cancellationToken);
        while (true)
        {
            if (episode.ReachedLimit() is { } limit)
                return limit;

            SampledTurn turn = await SampleAsync(episode, cancellationToken);
            if (!turn.IsClosed && episode.RemainingTokens < 1)
                return CutShort(episode, turn);

            Answer answer =
                turn.IsMalformed ? Correct(episode, turn)
                : turn.Calls is [] ? await StepAsync(episode, turn, cancellationToken)
                : await CallToolsAsync(episode, turn, cancellationToken);

            if (answer.Stop is { } stop)
                return stop;
            if (!episode.TryAppend(answer.Messages, answer.CallIds, turn.ClosedBy))
                return StopReason.MaxTokens;
        }
    }

    private static async Task BeginAsync(Episode episode, CancellationToken cancellationToken)
    {
        IEnvironment environment = Boundary.Run(
            FailureBoundary.Environment, () => episode.Spec.Environment.Create(episode.Spec.Task));
        episode.Environment = environment;
        IReadOnlyList<ChatMessage> messages = await Boundary.RunAsync(
            FailureBoundary.Environment,
            async () => await environment.BeginAsync(cancellationToken).AsTask().WaitAsync(cancellationToken));
        int[] prompt = episode.Clock.Tokenize(() => Boundary.Run(
            FailureBoundary.Rendering, () => episode.Policy.Format.RenderPrompt(messages, episode.Tools)));

        episode.Messages.AddRange(messages);
        episode.Sequence.Append(SegmentSource.Prompt, turn: 0, prompt);
    }

    private async Task<SampledTurn> SampleAsync(Episode episode, CancellationToken cancellationToken)
    {
        episode.BeginTurn();
        int start = episode.Sequence.Count;
        await Boundary.RunAsync(FailureBoundary.Engine, () => StreamTurnAsync(episode, cancellationToken));

        SampledTurn turn = episode.Clock.Tokenize(() => Boundary.Run(FailureBoundary.Rendering, () => SampledTurn.Read(episode, start)));
        episode.Messages.Add(turn.Message);
        progress?.Report(new TurnFinished(
            episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn, episode.Sequence.Count - start, turn.Calls.Count));
        return turn;
    }

    private async ValueTask<TokenChunk> StreamTurnAsync(Episode episode, CancellationToken cancellationToken)
    {
        EpisodeSpec spec = episode.Spec;
        ITokenEngine engine = episode.Policy.Engine;
        GenerationRequest request = new()
        {
            Id = spec.TrajectoryId,
            Tokens = episode.Sequence.Tokens.ToArray(),
            MaxNewTokens = Math.Min(episode.RemainingTokens, spec.Limits.MaxTokensPerTurn ?? int.MaxValue),
            Sampling = spec.Sampling,
            Seed = (ulong)TrajectorySeed.OfSequence(spec.Seed, episode.SequenceIndex),
            StopTokenIds = [.. engine.Model.StopTokenIds.Union(episode.Policy.Format.EndOfTurnIds)],
            FairnessKey = spec.RolloutId,
            GroupKey = spec.GroupId,
            CacheKey = spec.TrajectoryId,
        };

        StreamingDecoder? text = progress is null ? null : new StreamingDecoder(episode.Policy.Format.Tokenizer);
        TokenChunk? last = null;
        long started = Stopwatch.GetTimestamp();
        try
        {
            await foreach (TokenChunk chunk in engine.GenerateAsync(request, cancellationToken))
            {
                episode.AppendSampled(chunk);
                last = chunk;
                progress?.Report(new TokensSampled(
                    spec.RolloutId,
                    spec.TrajectoryId,
                    episode.Turn,
                    chunk.Tokens.ToArray(),
                    chunk.Logprobs.ToArray(),
                    text!.Append(chunk.Tokens.Span),
                    chunk.WeightVersion));
            }
        }
        finally
        {
            // A turn that is cut counts too.
            episode.Clock.AddGeneration(last?.Timings, Stopwatch.GetElapsedTime(started));
        }

        return last is { Finish: not null }
            ? last
            : throw new EngineException($"Engine '{engine.Name}' ended the stream of request '{request.Id}' without a finish reason.");
    }

    private static StopReason CutShort(Episode episode, SampledTurn turn)
    {
        ToolCalling.RecordUnanswered(episode, turn, "The sequence was full before the turn ended; no tool was run.");
        return StopReason.MaxTokens;
    }

    private static Answer Correct(Episode episode, SampledTurn turn)
    {
        ToolCalling.RecordUnanswered(episode, turn, "Another call of the turn is malformed; no tool was run.");
        episode.ParseFailures++;
        return episode.ParseFailures > episode.Spec.Limits.MaxParseRetries
            ? new Answer { Stop = StopReason.ParseFailure }
            : new Answer { Messages = [ChatMessage.User(turn.Correction)] };
    }

    private async Task<Answer> StepAsync(Episode episode, SampledTurn turn, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        StepResult step = await Boundary.RunAsync(
            FailureBoundary.Environment,
            async () => await episode.Environment!.StepAsync(new AssistantTurn(episode.Turn, turn.Message), cancellationToken)
                .AsTask().WaitAsync(cancellationToken));
        episode.Rewards = step.Rewards is { } rewards ? await AddScoresAsync(rewards, episode, cancellationToken) : null;
        episode.Clock.AddReward(Stopwatch.GetElapsedTime(started));
        return step.IsFinal ? new Answer { Stop = StopReason.EnvironmentDone } : new Answer { Messages = step.Messages };
    }

    /// <summary>What the tools and the reward model say beside the environment.</summary>
    private async Task<IReadOnlyDictionary<string, double>> AddScoresAsync(
        IReadOnlyDictionary<string, double> rewards, Episode episode, CancellationToken cancellationToken)
    {
        Dictionary<string, double> all = new(rewards, StringComparer.Ordinal);
        foreach ((string tool, double score) in episode.ToolScores)
            all[$"tool:{tool}"] = score;
        if (reward is not null)
        {
            all[ModelReward.Component] = await Boundary.RunAsync(
                FailureBoundary.Engine,
                () => reward.ScoreAsync(episode.Spec.TrajectoryId, episode.Messages, episode.Tools, cancellationToken));
        }

        return all;
    }

    private async Task<Answer> CallToolsAsync(Episode episode, SampledTurn turn, CancellationToken cancellationToken)
    {
        if (ToolCalling.EndsOverBudget(episode, turn) is { } stop)
            return new Answer { Stop = stop };

        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<ChatMessage> results = await toolCalling.RunAsync(episode, turn, progress, cancellationToken);
        episode.Clock.AddTools(Stopwatch.GetElapsedTime(started));
        return new Answer { Messages = results, CallIds = [.. results.Select(message => message.ToolCallId!)] };
    }

    /// <summary>What a turn leads to: the end, or messages that the model reads next.</summary>
    private readonly record struct Answer
    {
        public Answer()
        {
        }

        public StopReason? Stop { get; init; }

        public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

        public IReadOnlyList<string>? CallIds { get; init; }
    }
}
