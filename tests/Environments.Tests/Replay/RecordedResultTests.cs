using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tools;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class RecordedResultTests
{
    [Fact]
    public void The_same_result_is_shown_as_it_was_wherever_it_was_cut()
    {
        Gen<string> text = Gen.OneOf(Gen.Const("[3 characters are left out here.]"), Gen.Const("\n"), Gen.Char['a', 'c'].Select(letter => letter.ToString()))
            .Array[2, 40].Select(string.Concat);
        Gen.Select(text, Gen.Int[0, 1_000], Gen.Int[0, 1_000]).Sample((full, first, second) =>
        {
            int head = first % full.Length, tail = second % (full.Length - head);
            string shown = ResultCut.Join(full.AsSpan(0, head), full.AsSpan(full.Length - tail), full.Length);

            Assert.Equal(shown, RecordedResult.ShowAlike(Call(shown, full.Length), full));
        });
    }

    [Fact]
    public void A_result_that_a_spent_budget_left_out_is_compared_by_its_length()
    {
        const string Notice = "The budget of 64 observation tokens is spent; this result is left out.";

        Assert.Equal(Notice, RecordedResult.ShowAlike(Call(Notice, 5), "12345"));
        Assert.Equal("123456", RecordedResult.ShowAlike(Call(Notice, 5), "123456"));
    }

    [Fact]
    public void A_whole_result_is_shown_whole() => Assert.Equal("new", RecordedResult.ShowAlike(Call("old", resultLength: null), "new"));

    private static TrajectoryToolCall Call(string result, int? resultLength) => new()
    {
        Id = "c1", Turn = 1, Name = "t", Arguments = null, Sequence = 0, TokenSpan = [0, 1], Parse = ToolCallStatus.Ok,
        Result = result, ResultLength = resultLength, Error = null, Attempts = 1, QueueMs = 0, RunMs = 0, Sandbox = null,
    };
}
