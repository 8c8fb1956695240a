using AgentRollout.Gateway.Bench.Loop;
using Xunit;

namespace AgentRollout.Gateway.Tests.Bench;

public sealed class SimulatedBatchTests
{
    private static readonly BatchTime Steps = new([(1, 10), (4, 16), (8, 40)]);

    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 12)]
    [InlineData(4, 16)]
    [InlineData(6, 28)]
    [InlineData(8, 40)]
    [InlineData(10, 52)]
    public void Steps_between_measured_batches_lie_on_straight_lines(int sequences, double milliseconds) =>
        Assert.Equal(milliseconds, Steps.Of(sequences).TotalMilliseconds, 6);

    [Fact]
    public async Task Sequences_share_the_engine_and_leave_it_to_the_others_when_they_end()
    {
        ManualTime time = new();
        using SimulatedBatch batch = new(time, Steps, scale: 1);
        CancellationToken stop = TestContext.Current.CancellationToken;

        // Five steps together take 60 ms, the longer one's other five 50 ms.
        Task brief = batch.GenerateAsync(5, stop);
        Task lengthy = batch.GenerateAsync(10, stop);
        time.Advance(59);
        Assert.False(brief.IsCompleted);
        time.Advance(2);
        await brief;
        time.Advance(48);
        Assert.False(lengthy.IsCompleted);
        time.Advance(2);
        await lengthy;

        Assert.Equal(15, batch.Tokens);
    }

    [Fact]
    public async Task A_timer_that_fires_late_costs_the_engine_nothing()
    {
        ManualTime time = new();
        using SimulatedBatch batch = new(time, Steps, scale: 1);
        CancellationToken stop = TestContext.Current.CancellationToken;

        Task brief = batch.GenerateAsync(5, stop);
        Task lengthy = batch.GenerateAsync(10, stop);
        time.Advance(111);

        await brief;
        await lengthy;
        Assert.Equal(15, batch.Tokens);
    }

    [Fact]
    public async Task A_cancelled_generation_ends_at_once()
    {
        using SimulatedBatch batch = new(new ManualTime(), Steps, scale: 1);
        using CancellationTokenSource cancel = new();
        Task generation = batch.GenerateAsync(5, cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation);
    }

    /// <summary>A clock that moves by hand, with the one timer that a batch has.</summary>
    private sealed class ManualTime : TimeProvider, ITimer
    {
        private long _now = 1;
        private long _due = long.MaxValue;
        private Action _tick = () => { };

        public override long TimestampFrequency => 1_000;

        public override long GetTimestamp() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _tick = () => callback(state);
            Change(dueTime, period);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : _now + (long)dueTime.TotalMilliseconds;
            return true;
        }

        public void Advance(int milliseconds)
        {
            _now += milliseconds;
            if (_now < _due)
                return;
            _due = long.MaxValue;
            _tick();
        }

        public void Dispose() => _due = long.MaxValue;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
