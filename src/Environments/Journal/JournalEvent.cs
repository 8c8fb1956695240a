using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Journal;

/// <summary>
/// Something that happened to a trajectory and that a repetition could not find out by itself. What follows from the events (texts, parsed calls,
/// masks) is derived again where they are read.
/// </summary>
public abstract record JournalEvent;

/// <summary>The trajectory began.</summary>
public sealed record TrajectoryBegan : JournalEvent;

/// <summary>The trajectory began as a fork: the events behind this one, up to its first turn, are its parent's.</summary>
/// <param name="Parent">What it was forked from.</param>
/// <param name="Seed">Of its own sampling noise.</param>
public sealed record TrajectoryForked(TrajectoryParent Parent, long Seed) : JournalEvent;

/// <summary>
/// The trajectory is gone on with by a server that started again, or for the first time where it began as a fork. Whatever was done behind the event
/// before was lost and is done again.
/// </summary>
public sealed record TrajectoryResumed : JournalEvent;

/// <summary>The environment's first messages were rendered.</summary>
/// <param name="Messages">What the environment began with.</param>
/// <param name="TokenIds">The prompt.</param>
public sealed record PromptRendered(IReadOnlyList<ChatMessage> Messages, ReadOnlyMemory<int> TokenIds) : JournalEvent;

/// <summary>The engine sampled a turn.</summary>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="Runs">By which weights, in order; the counts add up to the number of tokens.</param>
/// <param name="TokenIds">The ids as sampled.</param>
/// <param name="Logprobs">One per id, in the raw distribution; NaN where the engine did not report them.</param>
/// <param name="SamplingLogprobs">One per id in the distribution sampled from, NaN where the engine did not report them; null where that is the raw one.</param>
/// <param name="Finish">Why the engine stopped; null where the turn was cut before it did.</param>
/// <param name="Timings">Where the engine's time went; null where it is not known.</param>
public sealed record TurnSampled(
    int Turn,
    IReadOnlyList<WeightRun> Runs,
    ReadOnlyMemory<int> TokenIds,
    ReadOnlyMemory<float> Logprobs,
    ReadOnlyMemory<float>? SamplingLogprobs,
    FinishReason? Finish,
    GenerationTimings? Timings) : JournalEvent
{
    /// <summary>The turn as the engine would stream it.</summary>
    public IEnumerable<TokenChunk> ToChunks()
    {
        int start = 0;
        foreach (WeightRun run in Runs)
        {
            (ReadOnlyMemory<float> raw, ReadOnlyMemory<float>? sampling) = (Logprobs.Slice(start, run.Count), SamplingLogprobs?.Slice(start, run.Count));
            yield return new TokenChunk(TokenIds.Slice(start, run.Count), raw, sampling, run.WeightVersion)
            {
                Missing = (Lacks(raw) ? MissingLogprobs.Raw : MissingLogprobs.None) | (Lacks(sampling ?? default) ? MissingLogprobs.Sampling : MissingLogprobs.None),
            };
            start += run.Count;
        }

        yield return new TokenChunk(default, default, null, Runs is [.., { } last] ? last.WeightVersion : 0, Finish, Timings);
    }

    private static bool Lacks(ReadOnlyMemory<float> logprobs) => logprobs.Span.Contains(float.NaN);
}

/// <summary>Tokens that one version of the weights sampled one after the other.</summary>
public readonly record struct WeightRun(int Count, long WeightVersion);

/// <summary>The turn asks for tool calls, which go out now.</summary>
/// <param name="CallIds">Their ids within the trajectory, in the order of the turn.</param>
public sealed record CallsRequested(IReadOnlyList<string> CallIds) : JournalEvent;

/// <summary>A tool call has its result.</summary>
/// <param name="CallId">The call's id within the trajectory.</param>
/// <param name="Result">What came, before the loop cut it to the tokens that the model may read.</param>
public sealed record CallAnswered(string CallId, ToolResult Result) : JournalEvent;

/// <summary>What the turn was answered with stands in the conversation.</summary>
/// <param name="Messages">The messages; null where they are the results of the turn's calls.</param>
/// <param name="CallIds">The calls that they answer; null where they answer none.</param>
/// <param name="Spans">The tokens that they added, by source; the whole prompt of the new sequence where one was started.</param>
/// <param name="StartsSequence">Whether they start a new sequence, because the template rewrote earlier turns.</param>
public sealed record MessagesAppended(
    IReadOnlyList<ChatMessage>? Messages, IReadOnlyList<string>? CallIds, IReadOnlyList<RenderedSpan> Spans, bool StartsSequence) : JournalEvent
{
    /// <summary>Whether both added the same tokens.</summary>
    internal bool HasTokensOf(MessagesAppended other) =>
        Spans.SelectMany(span => span.Tokens).SequenceEqual(other.Spans.SelectMany(span => span.Tokens));

    /// <summary>Appends the tokens to the sequence that they go on, or begin.</summary>
    internal void AppendTo(TokenSequence sequence, int turn)
    {
        foreach (RenderedSpan span in Spans)
            sequence.Append(span.Source, turn, span.Tokens, span.Source == SegmentSource.Observation ? CallIds : null);
    }
}

/// <summary>An agent outside asked for a turn, and its conversation became tokens.</summary>
/// <param name="Call">What it asked.</param>
/// <param name="Spans">The tokens that were added, by source.</param>
public sealed record TurnPrompted(PromptedCall Call, IReadOnlyList<RenderedSpan> Spans) : JournalEvent
{
    /// <summary>Appends the tokens to the sequence that they go on, or begin.</summary>
    /// <param name="sequence">Empty where they begin it.</param>
    /// <param name="kept">The tokens that it takes from another sequence.</param>
    internal void AppendTo(TokenSequence sequence, ReadOnlySpan<int> kept)
    {
        if (Call.Origin is not null)
        {
            sequence.Append(SegmentSource.Prompt, Call.Turn - 1, [.. kept, .. Spans.SelectMany(span => span.Tokens)]);
            return;
        }

        int turn = sequence.Segments is [.., { } last] ? last.Turn : 0;
        foreach (RenderedSpan span in Spans)
            sequence.Append(span.Source, turn, span.Tokens, span.Source == SegmentSource.Observation && Call.AnsweredCallIds is not [] ? Call.AnsweredCallIds : null);
    }
}

/// <summary>What an agent outside reads as the answer, written with its <see cref="TurnSampled"/>.</summary>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="Message">The message, in the words of its protocol.</param>
public sealed record TurnAnswered(int Turn, ChatMessage Message) : JournalEvent;

/// <summary>Somebody who forked the trajectory put these messages in the place of what the environment says next.</summary>
/// <param name="Messages">The messages; not rendered yet.</param>
public sealed record MessagesReplaced(IReadOnlyList<ChatMessage> Messages) : JournalEvent;

/// <summary>The environment ended the episode.</summary>
/// <param name="Components">The rewards by name, those of tools and of a reward model included; null where it gave none.</param>
public sealed record EpisodeRewarded(IReadOnlyDictionary<string, double>? Components) : JournalEvent;

/// <summary>A trainer took the sealed trajectory.</summary>
public sealed record TrajectoryLeased(string LeaseId) : JournalEvent;

/// <summary>The trainer is done with it.</summary>
public sealed record TrajectoryAcknowledged(string LeaseId) : JournalEvent;

/// <summary>Events that were written together.</summary>
/// <param name="At">When.</param>
/// <param name="Events">In order.</param>
public sealed record JournalEntry(DateTimeOffset At, IReadOnlyList<JournalEvent> Events);
