using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Journal;

/// <summary>
/// A sealed trajectory in two parts: the journal, which holds its tokens, and the rest of it, which names none. So the tokens are kept once, as they
/// were written before they were acted on.
/// </summary>
public static class TrajectoryRecord
{
    /// <summary>The bytes of all but the sequences.</summary>
    public static byte[] WithoutTokens(Trajectory trajectory) =>
        JournalCodec.Compress(TrajectoryJson.SerializeToUtf8(trajectory with { Sequences = [] }));

    /// <summary>The whole trajectory.</summary>
    /// <param name="withoutTokens">What <see cref="WithoutTokens"/> gave.</param>
    /// <param name="events">Its journal.</param>
    public static Trajectory Join(byte[] withoutTokens, IEnumerable<JournalEvent> events)
    {
        Trajectory trajectory = TrajectoryJson.Deserialize(JournalCodec.Decompress(withoutTokens));
        TrajectorySequence[] sequences = SequenceRecords.Of(SequencesOf([.. events]));
        return trajectory with { Sequences = SequenceRecords.Narrow(sequences, trajectory.MaskPolicy, trajectory.ToolCalls) };
    }

    /// <summary>
    /// Both parts of a trajectory that was played elsewhere. Null where they would not give it back to the byte, so that it must be kept in one: a
    /// narrow mask left log-probabilities out, or another program cut its segments otherwise.
    /// </summary>
    public static (byte[] WithoutTokens, byte[] Journal)? Split(Trajectory trajectory)
    {
        try
        {
            byte[] rest = WithoutTokens(trajectory);
            byte[] journal = JournalCodec.Encode(JournalEvents.Of(trajectory));
            Trajectory joined = Join(rest, JournalCodec.Decode(journal));
            return TrajectoryJson.SerializeToUtf8(joined).AsSpan().SequenceEqual(TrajectoryJson.SerializeToUtf8(trajectory)) ? (rest, journal) : null;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or JournalException or TokenizerException)
        {
            return null;
        }
    }

    /// <summary>What the model saw, built again from its journal as it was built at first.</summary>
    private static List<TokenSequence> SequencesOf(JournalEvent[] events)
    {
        // A turn that was cut by a crash was sampled again.
        Dictionary<int, TurnSampled> turns = [];
        foreach (TurnSampled turn in events.OfType<TurnSampled>())
            turns[turn.Turn] = turn;
        List<TokenSequence> sequences = [new()];
        Dictionary<int, TokenSequence> captured = []; // by turn
        int current = 0;
        foreach (JournalEvent value in events)
        {
            switch (value)
            {
                case PromptRendered prompt:
                    sequences[^1].Append(SegmentSource.Prompt, turn: 0, prompt.TokenIds.Span);
                    break;
                case TurnPrompted prompted:
                    captured[prompted.Call.Turn] = Append(sequences, prompted);
                    break;
                case TurnSampled turn when turns[turn.Turn] == turn:
                    current = turn.Turn;
                    foreach (TokenChunk chunk in turn.ToChunks())
                        AppendTo(captured.GetValueOrDefault(current, sequences[^1]), current, chunk);
                    break;
                case MessagesAppended appended:
                    if (appended.StartsSequence)
                        sequences.Add(new TokenSequence(Episode.TemplateRewroteHistory));
                    appended.AppendTo(sequences[^1], current);
                    break;
            }
        }

        return sequences;
    }

    /// <summary>The sequence that a call of an agent outside goes on, or begins.</summary>
    private static TokenSequence Append(List<TokenSequence> sequences, TurnPrompted prompted)
    {
        PromptedCall call = prompted.Call;
        if (call.Origin is not null && call.Sequence > 0)
            sequences.Add(new TokenSequence(call.Origin.StartedBecause));
        TokenSequence sequence = sequences[call.Sequence];
        prompted.AppendTo(sequence, call.Origin is { Parent: { } parent } origin ? sequences[parent].Tokens[..origin.KeptTokens] : []);
        return sequence;
    }

    private static void AppendTo(TokenSequence sequence, int turn, TokenChunk chunk) => sequence.AppendSampled(
        turn,
        chunk.Tokens.Span,
        chunk.Missing.HasFlag(MissingLogprobs.Raw) ? default : chunk.Logprobs.Span,
        chunk.WeightVersion,
        chunk.SamplingLogprobs is { } sampling ? sampling.Span : default,
        SampledRun.NameOf(chunk.Finish));
}
