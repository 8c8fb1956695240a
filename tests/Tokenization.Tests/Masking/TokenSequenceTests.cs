using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Masking;

public sealed class TokenSequenceTests
{
    private static readonly SegmentSource[] Unsampled = [SegmentSource.Prompt, SegmentSource.Observation, SegmentSource.Scaffold];

    [Fact]
    public void Segments_cover_the_tokens_and_mask_follows_source_whatever_is_appended()
    {
        Random random = new(10);
        for (int round = 0; round < 1_000; round++)
        {
            TokenSequence sequence = new();
            List<int> all = [];
            int turn = 0;
            for (int step = random.Next(0, 20); step > 0; step--)
            {
                turn += random.Next(2);
                int[] tokens = [.. Enumerable.Range(0, random.Next(0, 6)).Select(_ => random.Next(1000))];
                all.AddRange(tokens);
                if (random.Next(2) == 0)
                    sequence.AppendSampled(turn, tokens, Logprobs(random, tokens.Length), random.Next(3), default, random.Next(3) == 0 ? "stop" : null);
                else
                    sequence.Append(Unsampled[random.Next(Unsampled.Length)], turn, tokens);
                CheckIntegrity(sequence);
            }

            Assert.Equal(all, sequence.Tokens.ToArray());
        }
    }

    [Fact]
    public void Chunks_of_one_turn_and_version_make_one_segment_with_the_last_finish_reason()
    {
        TokenSequence sequence = new();
        sequence.Append(SegmentSource.Prompt, 0, [1, 2]);
        sequence.AppendSampled(1, [3], [-0.5f], 7);
        sequence.AppendSampled(1, [4, 5], [-0.25f, -1f], 7);
        sequence.AppendSampled(1, [], [], 7, default, "stop");
        Assert.Equal(
            [new TokenSegment(0, 2, SegmentSource.Prompt, 0), new TokenSegment(2, 5, SegmentSource.Sampled, 1, 7, "stop")],
            sequence.Segments);
        Assert.Equal([0, 0, 1, 1, 1], sequence.LossMask.ToArray());
        Assert.Equal([-0.5f, -0.25f, -1f], sequence.Logprobs[2..].ToArray());
        Assert.True(sequence.SamplingLogprobs.IsEmpty);
    }

    [Fact]
    public void Another_weight_version_starts_another_segment_of_the_same_turn()
    {
        TokenSequence sequence = new();
        sequence.AppendSampled(1, [3], [-1f], 7);
        sequence.AppendSampled(1, [4], [-1f], 8, default, "stop");
        Assert.Equal([7L, 8L], sequence.Segments.Select(segment => segment.WeightVersion!.Value));
    }

    [Fact]
    public void Sampling_logprobs_are_there_once_any_append_gave_them()
    {
        TokenSequence sequence = new("compaction");
        sequence.Append(SegmentSource.Prompt, 0, [1]);
        sequence.AppendSampled(1, [2], [-1f], 1);
        sequence.AppendSampled(1, [3], [-1f], 1, [-2f]);
        Assert.Equal([float.NaN, float.NaN, -2f], sequence.SamplingLogprobs.ToArray());
        Assert.Equal("compaction", sequence.StartedBecause);
    }

    [Fact]
    public void Log_probabilities_that_an_engine_does_not_report_are_unknown()
    {
        TokenSequence sequence = new();
        sequence.AppendSampled(1, [2, 3], [], 1, [float.NaN, float.NaN]);
        sequence.AppendSampled(2, [4], [-1f], 1);
        Assert.Equal([float.NaN, float.NaN, -1f], sequence.Logprobs.ToArray());
        Assert.Equal([float.NaN, float.NaN, float.NaN], sequence.SamplingLogprobs.ToArray());
        Assert.Equal([1, 1, 1], sequence.LossMask.ToArray());
    }

    [Fact]
    public void What_would_break_the_invariants_is_refused_and_changes_nothing()
    {
        TokenSequence sequence = new();
        sequence.Append(SegmentSource.Prompt, 2, [1]);
        Assert.Throws<TokenizerException>(() => sequence.Append(SegmentSource.Sampled, 2, [1]));
        Assert.Throws<TokenizerException>(() => sequence.Append(SegmentSource.Observation, 1, [1]));
        Assert.Throws<TokenizerException>(() => sequence.AppendSampled(2, [1, 2], [-1f], 0));
        Assert.Throws<TokenizerException>(() => sequence.AppendSampled(2, [1], [-1f], 0, [-1f, -1f]));
        Assert.Throws<TokenizerException>(() => sequence.AppendSampled(2, [1], [float.NaN], 0));
        Assert.Equal(1, sequence.Count);
        CheckIntegrity(sequence);
    }

    private static float[] Logprobs(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => -random.NextSingle())];

    private static void CheckIntegrity(TokenSequence sequence)
    {
        Assert.Equal(sequence.Count, sequence.Tokens.Length);
        Assert.Equal(sequence.Count, sequence.LossMask.Length);
        Assert.Equal(sequence.Count, sequence.Logprobs.Length);
        int position = 0;
        foreach (TokenSegment segment in sequence.Segments)
        {
            Assert.Equal(position, segment.Start);
            Assert.True(segment.End > segment.Start);
            for (; position < segment.End; position++)
            {
                bool sampled = segment.Source == SegmentSource.Sampled;
                Assert.Equal(sampled ? 1 : 0, sequence.LossMask[position]);
                Assert.Equal(!sampled, float.IsNaN(sequence.Logprobs[position]));
            }
        }

        Assert.Equal(sequence.Count, position);
    }
}
