using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AgentRollout.RolloutEngine.Backends;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>
/// Carries results from the engine's loop to the one caller that awaits them. The loop appends to arrays, hands over what it has and rings a
/// bell; the reader takes slices of the same arrays, so a slow reader gets longer chunks and the loop never waits or allocates for it.
/// </summary>
internal sealed class SequenceOutput
{
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true, FullMode = BoundedChannelFullMode.DropWrite });

    private int[] _tokens = [];
    private float[] _logprobs = [];
    private float[]? _samplingLogprobs;
    private int _appended;
    private int _written;
    private Ending? _ending;

    /// <summary>Makes room for all results; called once, when the sequence is first admitted.</summary>
    public void Reserve(int capacity, bool isRaw)
    {
        _tokens = new int[capacity];
        _logprobs = new float[capacity];
        _samplingLogprobs = isRaw ? null : new float[capacity];
    }

    /// <summary>Adds a result, the last one with its ending. The reader sees it after the next <see cref="HandOver"/>.</summary>
    public void Append(SampledToken result, Ending? ending)
    {
        _tokens[_appended] = result.Token;
        _logprobs[_appended] = result.Logprob;
        if (_samplingLogprobs is not null)
            _samplingLogprobs[_appended] = result.SamplingLogprob;
        _ending = ending;
        _appended++;
    }

    /// <summary>Lets the reader see all that was appended, and wakes it.</summary>
    public void HandOver()
    {
        if (_appended == _written)
            return;
        Volatile.Write(ref _written, _appended);
        _bell.Writer.TryWrite(true);
    }

    /// <summary>Ends the stream with an error, after what was appended.</summary>
    public void Fail(EngineException error)
    {
        HandOver();
        _bell.Writer.TryComplete(error);
    }

    /// <summary>What was appended since the last chunk, as soon as there is something; the last chunk carries the ending.</summary>
    public async IAsyncEnumerable<TokenChunk> ReadAsync(long weightVersion, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int read = 0;
        while (await _bell.Reader.WaitToReadAsync(cancellationToken))
        {
            _bell.Reader.TryRead(out _);
            int written = Volatile.Read(ref _written);
            // The ending is written before the count that includes the last result.
            Ending? ending = _ending is { } end && end.Count == written ? end : null;
            if (written == read)
                continue;
            yield return new TokenChunk(
                _tokens.AsMemory(read..written), _logprobs.AsMemory(read..written), _samplingLogprobs?.AsMemory(read..written),
                weightVersion, ending?.Finish, ending?.Timings);
            if (ending is not null)
                yield break;
            read = written;
        }
    }

    /// <summary>How a sequence ended.</summary>
    /// <param name="Count">Results in all.</param>
    public sealed record Ending(int Count, FinishReason Finish, GenerationTimings Timings);
}
