using System.Runtime.CompilerServices;
using System.Threading.Channels;
using AgentRollout.RolloutEngine.Backends;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>
/// Carries results from the engine's loop to the one caller that awaits them. The loop appends to arrays, hands over what it has and rings a
/// bell; the reader takes slices of the same arrays, so a slow reader gets longer chunks and the loop never waits or allocates for it.
/// </summary>
/// <param name="holdsBack">Whether nothing is handed over before the end.</param>
internal sealed class SequenceOutput(bool holdsBack)
{
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true, FullMode = BoundedChannelFullMode.DropWrite });

    private int[] _tokens = [];
    private float[] _logprobs = [];
    private float[]? _samplingLogprobs;
    private SampleDetails? _details;
    private VersionSpan? _firstSpan;
    private VersionSpan? _lastSpan;
    private int _appended;
    private int _written;
    private Ending? _ending;

    /// <summary>Makes room for all results; called once, before the sequence is first admitted.</summary>
    public void Reserve(int capacity, bool isRaw, SampleDetails? details)
    {
        _details = details;
        _tokens = new int[capacity];
        _logprobs = new float[capacity];
        _samplingLogprobs = isRaw ? null : new float[capacity];
    }

    /// <summary>Adds a result, the last one with its ending. The reader sees it after the next <see cref="HandOver"/>.</summary>
    public void Append(SampledToken result, long weightVersion, Ending? ending)
    {
        NoteVersion(weightVersion);
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
        if (_appended == _written || (holdsBack && _ending is null))
            return;
        Volatile.Write(ref _written, _appended);
        _bell.Writer.TryWrite(true);
    }

    /// <summary>Forgets what was appended and not handed over, which is all of it.</summary>
    public void Clear()
    {
        _appended = 0;
        _firstSpan = _lastSpan = null;
    }

    /// <summary>Ends without a further result.</summary>
    public void End(Ending ending, long weightVersion)
    {
        NoteVersion(weightVersion);
        Volatile.Write(ref _ending, ending);
        Volatile.Write(ref _written, _appended);
        _bell.Writer.TryWrite(true);
    }

    /// <summary>Ends the stream with an error, after what was appended.</summary>
    public void Fail(EngineException error)
    {
        HandOver();
        _bell.Writer.TryComplete(error);
    }

    /// <summary>What was appended since the last chunk, as soon as there is something; a chunk for each weight version, the last with the ending.</summary>
    public async IAsyncEnumerable<TokenChunk> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int read = 0;
        VersionSpan? span = null;
        while (await _bell.Reader.WaitToReadAsync(cancellationToken))
        {
            _bell.Reader.TryRead(out _);
            int written = Volatile.Read(ref _written);
            // The ending is written before the count that includes the last result.
            Ending? ending = Volatile.Read(ref _ending) is { } end && end.Count == written ? end : null;
            while (read < written || ending is not null)
            {
                span ??= _firstSpan!;
                while (Volatile.Read(ref span.Next) is { } next && next.Start <= read)
                    span = next;
                int until = Volatile.Read(ref span.Next) is { } following ? Math.Min(written, following.Start) : written;
                Ending? last = until == written ? ending : null;
                yield return Chunk(read, until, span.WeightVersion, last);
                if (last is not null)
                    yield break;
                read = until;
            }
        }
    }

    private TokenChunk Chunk(int start, int end, long weightVersion, Ending? ending)
    {
        TokenChunk chunk = new(
            _tokens.AsMemory(start..end), _logprobs.AsMemory(start..end), _samplingLogprobs?.AsMemory(start..end),
            weightVersion, ending?.Finish, ending?.Timings)
        {
            CachedTokens = ending?.CachedTokens,
        };
        return _details?.AddTo(chunk, start) ?? chunk;
    }

    private void NoteVersion(long weightVersion)
    {
        if (_lastSpan?.WeightVersion == weightVersion)
            return;
        VersionSpan span = new(_appended, weightVersion);
        if (_lastSpan is null)
            _firstSpan = span;
        else
            Volatile.Write(ref _lastSpan.Next, span);
        _lastSpan = span;
    }

    /// <summary>How a sequence ended.</summary>
    /// <param name="Count">Results in all.</param>
    public sealed record Ending(int Count, FinishReason Finish, GenerationTimings Timings, int CachedTokens);

    /// <summary>Results of one weight version, up to where the next begins.</summary>
    private sealed class VersionSpan(int start, long weightVersion)
    {
        public VersionSpan? Next;

        public int Start => start;

        public long WeightVersion => weightVersion;
    }
}
