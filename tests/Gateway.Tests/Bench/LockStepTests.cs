using AgentRollout.Gateway.Bench.Loop;
using Xunit;

namespace AgentRollout.Gateway.Tests.Bench;

public sealed class LockStepTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_turn_ends_for_all_when_the_last_of_the_batch_arrives()
    {
        LockStep lockStep = new(size: 3);
        for (int turn = 0; turn < 4; turn++)
        {
            Task first = lockStep.WaitForTurnAsync();
            Task second = lockStep.WaitForTurnAsync();
            Assert.False(first.IsCompleted || second.IsCompleted);

            Task third = lockStep.WaitForTurnAsync();

            await Task.WhenAll(first, second, third).WaitAsync(TimeSpan.FromSeconds(30), Stop);
        }
    }

    [Fact]
    public async Task A_batch_begins_when_the_one_before_it_has_ended()
    {
        LockStep lockStep = new(size: 2);
        await lockStep.AdmitAsync(Stop);
        await lockStep.AdmitAsync(Stop);

        Task next = lockStep.AdmitAsync(Stop).AsTask();
        lockStep.End();
        Assert.False(next.IsCompleted);
        lockStep.End();

        await next.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await lockStep.AdmitAsync(Stop);
        lockStep.End();
        lockStep.End();
        await lockStep.AdmitAsync(Stop).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Stop);
    }
}
