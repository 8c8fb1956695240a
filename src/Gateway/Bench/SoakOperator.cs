using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Bench;

/// <summary>
/// Does to an engine, while others use it, all that its control plane can: weights are changed to the same or to other ones, memory is
/// released and resumed, the loop is paused, the cache is flushed.
/// </summary>
internal sealed class SoakOperator(LocalEngine engine, SoakWeights weights, int seed)
{
    private const int LongestQuietMs = 600;
    private const int LongestAwayMs = 100;

    private readonly Random _random = new(~seed);
    private readonly Dictionary<long, string> _files = new() { [engine.Model.WeightVersion] = weights.Own };
    private string _file = weights.Own;
    private int _lendings;

    /// <summary>Odd from before memory is released until it is resumed; it rises with both.</summary>
    public int Lendings => Volatile.Read(ref _lendings);

    public long Updates { get; private set; }

    public long Releases { get; private set; }

    public long Pauses { get; private set; }

    public long Flushes { get; private set; }

    public List<string> Problems { get; } = [];

    /// <summary>Whether an engine may have refused a request for want of memory that was sent when <see cref="Lendings"/> was this.</summary>
    public bool MayHaveRefused(int lendings) => lendings % 2 != 0 || Lendings != lendings;

    /// <summary>The file of a weight version; to be asked once the operator is done.</summary>
    public string FileOf(long version) => _files[version];

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(LongestQuietMs)), TimeProvider.System, stop);
                await ActAsync();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The time is up.
        }
        catch (EngineException exception)
        {
            Problems.Add($"The operator was refused: {exception.Message}");
        }
    }

    private Task ActAsync() => _random.Next(8) switch
    {
        < 4 => UpdateAsync(),
        < 6 => LendAsync(),
        6 => PauseAsync(),
        _ => FlushAsync(),
    };

    /// <summary>Keys and values are kept only where the new weights are the old ones: otherwise they would be what no weights alone give.</summary>
    private async Task UpdateAsync()
    {
        string file = _random.Next(3) == 0 ? _file : _file == weights.Own ? weights.Other : weights.Own;
        WeightUpdate update = new()
        {
            Path = file,
            Running = (RunningSequences)_random.Next(3),
            KvCache = file == _file && _random.Next(2) == 0 ? KvCachePolicy.Keep : KvCachePolicy.Flush,
        };
        WeightUpdateResult result = await engine.UpdateWeightsAsync(update, CancellationToken.None);
        _files[result.WeightVersion] = _file = file;
        Updates++;
    }

    private async Task LendAsync()
    {
        EngineMemory memory = (EngineMemory)_random.Next((int)EngineMemory.Weights, (int)EngineMemory.All + 1);
        Interlocked.Increment(ref _lendings);
        await engine.ReleaseMemoryAsync(memory);
        await AwayAsync();
        await engine.ResumeMemoryAsync(memory, CancellationToken.None);
        Interlocked.Increment(ref _lendings);
        Releases++;
    }

    private async Task PauseAsync()
    {
        await engine.PauseAsync();
        await AwayAsync();
        await engine.ResumeAsync();
        Pauses++;
    }

    private async Task FlushAsync()
    {
        await engine.FlushCacheAsync();
        Flushes++;
    }

    private Task AwayAsync() => Task.Delay(TimeSpan.FromMilliseconds(_random.Next(LongestAwayMs)), TimeProvider.System);
}
