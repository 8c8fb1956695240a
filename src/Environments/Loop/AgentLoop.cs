using System.Diagnostics;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Telemetry;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Environments.Loop;

/// <summary>
/// Plays one trajectory, top to bottom: sample a turn, run its tool calls or ask the environment, append what they say, repeat. What the episode's
/// journal says already is taken from there in place of asking the engine or the tools; the environment is asked again, so that it knows where it is.
/// </summary>
internal sealed class AgentLoop(ToolCalling toolCalling, ModelReward? reward, IProgress<RolloutEvent>? progress, ILogger logger)
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

            if (await SampleAsync(episode, cancellationToken) is not { } turn)
                return StopReason.Deadline;
            if (!turn.IsClosed && episode.RemainingTokens < 1)
                return CutShort(episode, turn);

            Answer answer =
                turn.IsMalformed ? Correct(episode, turn)
                : turn.Calls is [] ? await StepAsync(episode, turn, cancellationToken)
                : await CallToolsAsync(episode, turn, cancellationToken);

            if (answer.Stop is { } stop)
                return stop;
            if (!await TryAppendAsync(episode, answer, turn))
                return StopReason.MaxTokens;
        }
    }

    private async Task BeginAsync(Episode episode, CancellationToken cancellationToken)
    {
        IEnvironment environment = Boundary.Run(
            FailureBoundary.Environment, () => episode.Spec.Environment.Create(episode.Spec.Task));
        episode.Environment = environment;
        CancellationToken cut = episode.Journal.IsReplaying ? CancellationToken.None : cancellationToken;
        IReadOnlyList<ChatMessage> messages = await Boundary.RunAsync(FailureBoundary.Environment, async () =>
        {
            using Activity? span = LoopSpans.StartStage("begin");
            return await environment.BeginAsync(cut).AsTask().WaitAsync(cut);
        });
        messages = episode.Journal.Take<MessagesReplaced>()?.Messages ?? messages;
        PromptRendered prompt = new(messages, episode.Clock.Tokenize(() => Boundary.Run(
            FailureBoundary.Rendering, () => episode.Policy.Format.RenderPrompt(messages, episode.Tools))));
        if (episode.Journal.Take<PromptRendered>() is not { } recorded)
        {
            await episode.Journal.WriteAsync(episode.Spec.Parent is null ? [new TrajectoryBegan(), prompt] : [prompt]);
        }
        else
        {
            if (!recorded.TokenIds.Span.SequenceEqual(prompt.TokenIds.Span))
                Log.ReplayDiffers(logger, episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn);
            prompt = recorded;
        }

        episode.Messages.AddRange(prompt.Messages);
        episode.Sequence.Append(SegmentSource.Prompt, turn: 0, prompt.TokenIds.Span);
    }

    /// <summary>False, and nothing changed, where no token of the next turn would fit behind the answer.</summary>
    private async Task<bool> TryAppendAsync(Episode episode, Answer answer, SampledTurn turn)
    {
        if (episode.Journal.Take<MessagesReplaced>() is { } replaced)
            answer = answer with { Messages = replaced.Messages };
        MessagesAppended? rendered = episode.Render(answer.Messages, answer.CallIds, turn.ClosedBy);
        if (episode.Journal.Take<MessagesAppended>() is { } recorded)
        {
            if (rendered is null || !recorded.HasTokensOf(rendered))
                Log.ReplayDiffers(logger, episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn);
            rendered = recorded;
        }
        else if (rendered is not null)
        {
            await episode.Journal.WriteAsync(rendered);
        }
        else
        {
            await episode.Journal.WriteHeldAsync();
        }

        toolCalling.ReportHeld();
        if (rendered is null)
            return false;
        episode.Append(rendered, rendered.Messages ?? answer.Messages);
        return true;
    }

    /// <summary>The turn that was sampled; null where the deadline cut it, which keeps its tokens and nothing else.</summary>
    private async Task<SampledTurn?> SampleAsync(Episode episode, CancellationToken cancellationToken)
    {
        episode.BeginTurn();
        int start = episode.Sequence.Count;
        progress?.Report(new TurnStarted(episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn, start));
        TokenChunk last = await Boundary.RunAsync(FailureBoundary.Engine, () => StreamTurnAsync(episode, cancellationToken));
        if (last.Finish == FinishReason.Deadline)
            return null;

        SampledTurn turn = episode.Clock.Tokenize(() => Boundary.Run(FailureBoundary.Rendering, () => SampledTurn.Read(episode, start)));
        await episode.JournalTurnAsync(turn.Calls);
        episode.Messages.Add(turn.Message);
        progress?.Report(new TurnFinished(
            episode.Spec.RolloutId, episode.Spec.TrajectoryId, episode.Turn, episode.Sequence.Count - start, turn.Calls.Count));
        return turn;
    }

    private async ValueTask<TokenChunk> StreamTurnAsync(Episode episode, CancellationToken cancellationToken)
    {
        TokenChunk? last = episode.TakeTurn() is { } recorded
            ? await AppendAsync(episode, recorded.ToChunks().ToAsyncEnumerable())
            : await GenerateAsync(episode, cancellationToken);
        return last is { Finish: not null }
            ? last
            : throw new EngineException(
                $"Engine '{episode.Policy.Engine.Name}' ended the stream of request '{episode.Spec.TrajectoryId}' without a finish reason.");
    }

    private async Task<TokenChunk?> GenerateAsync(Episode episode, CancellationToken cancellationToken)
    {
        GenerationRequest request = RequestFor(episode);
        using Activity? span = LoopSpans.StartTurn(episode, request);
        long started = Stopwatch.GetTimestamp();
        try
        {
            TokenChunk? last = await AppendAsync(episode, episode.Policy.Engine.GenerateAsync(request, cancellationToken));
            End(last, exception: null);
            return last;
        }
        catch (Exception exception)
        {
            LoopSpans.Fails(span, exception);
            End(last: null, exception);
            throw;
        }

        void End(TokenChunk? last, Exception? exception)
        {
            int sampled = episode.Sequence.Count - request.Tokens.Length;
            LoopSpans.EndTurn(span, last, sampled);
            LoopMetrics.RecordTurn(
                episode.Policy, request.Tokens.Length, sampled, last?.Timings, Stopwatch.GetElapsedTime(started), exception is null ? null : GenAi.NameOf(exception));
        }
    }

    /// <summary>Appends chunks verbatim, as they come, and gives the last.</summary>
    private async Task<TokenChunk?> AppendAsync(Episode episode, IAsyncEnumerable<TokenChunk> chunks)
    {
        StreamingDecoder? text = progress is null ? null : new StreamingDecoder(episode.Policy.Format.Tokenizer);
        TokenChunk? last = null;
        long started = Stopwatch.GetTimestamp();
        try
        {
            await foreach (TokenChunk chunk in chunks)
            {
                episode.AppendSampled(chunk);
                last = chunk;
                progress?.Report(new TokensSampled(
                    episode.Spec.RolloutId,
                    episode.Spec.TrajectoryId,
                    episode.Turn,
                    chunk.Tokens.ToArray(),
                    chunk.Missing.HasFlag(MissingLogprobs.Raw) ? [] : chunk.Logprobs.ToArray(),
                    text!.Append(chunk.Tokens.Span),
                    chunk.WeightVersion));
            }

            return last;
        }
        finally
        {
            // A turn that is cut counts too.
            episode.EndTurn(last, Stopwatch.GetElapsedTime(started));
        }
    }

    private static GenerationRequest RequestFor(Episode episode)
    {
        EpisodeSpec spec = episode.Spec;
        return new GenerationRequest
        {
            Id = spec.TrajectoryId,
            Tokens = episode.Sequence.Tokens.ToArray(),
            MaxNewTokens = Math.Min(episode.RemainingTokens, spec.Limits.MaxTokensPerTurn ?? int.MaxValue),
            Sampling = spec.Sampling,
            Seed = (ulong)TrajectorySeed.OfSequence(spec.Seed, episode.SequenceIndex),
            StopTokenIds = [.. episode.Policy.Engine.Model.StopTokenIds.Union(episode.Policy.Format.EndOfTurnIds)],
            FairnessKey = spec.RolloutId,
            GroupKey = spec.GroupId,
            CacheKey = spec.TrajectoryId,
            Deadline = episode.Deadline,
        };
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
        if (episode.Journal.Take<EpisodeRewarded>() is { } recorded)
        {
            episode.Rewards = recorded.Components;
            return new Answer { Stop = StopReason.EnvironmentDone };
        }

        using Activity? span = LoopSpans.StartStage("reward");
        long started = Stopwatch.GetTimestamp();
        CancellationToken cut = episode.Journal.IsReplaying ? CancellationToken.None : cancellationToken;
        StepResult step = await Boundary.RunAsync(
            FailureBoundary.Environment,
            async () => await episode.Environment!.StepAsync(new AssistantTurn(episode.Turn, turn.Message), cut).AsTask().WaitAsync(cut));
        if (!step.IsFinal)
        {
            episode.Clock.AddReward(Stopwatch.GetElapsedTime(started));
            return new Answer { Messages = step.Messages };
        }

        // The reward is written with the sealed trajectory, which is all that it leads to.
        episode.Rewards = step.Rewards is { } rewards ? await AddScoresAsync(rewards, episode, cancellationToken) : null;
        episode.Clock.AddReward(Stopwatch.GetElapsedTime(started));
        episode.Journal.End();
        return new Answer { Stop = StopReason.EnvironmentDone };
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
        IReadOnlyList<ChatMessage> results = await toolCalling.RunAsync(episode, turn, cancellationToken);
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
