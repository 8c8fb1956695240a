namespace AgentRollout.RolloutEngine.Remote;

/// <summary>Makes chunks of pieces: one for each version of the weights, up to the token that completes a stop sequence.</summary>
/// <param name="request">What was asked.</param>
/// <param name="reported">The distribution of the server's log-probabilities.</param>
/// <param name="stopSequences">Those that the server was not told.</param>
internal sealed class ChunkWriter(GenerationRequest request, ReportedLogprobs reported, IReadOnlyList<IReadOnlyList<int>> stopSequences)
{
    private readonly List<int> _sampled = [.. request.Tokens.Span[^request.SampledBefore..]];
    private readonly SamplingParams _sampling = request.Sampling;

    private bool IsGreedy => _sampling.Temperature == 0;

    private bool IsTempered => _sampling.Temperature is not (0 or 1) || _sampling.ChangesLogits;

    private bool IsFiltered => _sampling.TopK > 0 || _sampling.TopP < 1 || _sampling.MinP > 0;

    private bool KnowsRaw => reported switch
    {
        ReportedLogprobs.Raw => true,
        ReportedLogprobs.Unfiltered => !IsTempered,
        _ => _sampling.IsRaw,
    };

    private bool KnowsUnfiltered => reported switch
    {
        ReportedLogprobs.Raw => !IsTempered,
        ReportedLogprobs.Unfiltered => true,
        _ => !IsFiltered && !IsGreedy,
    };

    /// <summary>The chunks of a piece, without end only where its tokens are none.</summary>
    public IEnumerable<TokenChunk> Write(RemotePiece piece)
    {
        int count = CountUntilStop(piece.Tokens);
        FinishReason? finish = count < piece.Tokens.Count || EndsWithStop() ? FinishReason.Stop : piece.Finish;
        for (int i = 0; i < piece.Versions.Count; i++)
        {
            (int start, long version) = piece.Versions[i];
            int end = i + 1 < piece.Versions.Count ? Math.Min(count, piece.Versions[i + 1].Start) : count;
            bool isLast = end == count;
            if (start < end || (isLast && finish is not null))
                yield return Chunk(piece, Math.Min(start, end), end, version, isLast ? finish : null);
            if (isLast)
                yield break;
        }
    }

    /// <summary>The last chunk of a generation that somebody else ends.</summary>
    public static TokenChunk End(FinishReason finish, SamplingParams sampling, long version) => new(
        ReadOnlyMemory<int>.Empty, ReadOnlyMemory<float>.Empty, sampling.IsRaw ? null : ReadOnlyMemory<float>.Empty, version, finish);

    private TokenChunk Chunk(RemotePiece piece, int start, int end, long version, FinishReason? finish)
    {
        (float[] raw, bool lacksRaw) = Raw(piece, start, end);
        (float[]? sampling, bool lacksSampling) = Sampling(piece, start, end);
        bool hasDetails = request.ReturnUnfilteredLogprobs ? KnowsUnfiltered : KnowsRaw;
        return new TokenChunk(
            Slice(piece.Tokens, start, end), raw, sampling is null ? default(ReadOnlyMemory<float>?) : sampling, version, finish, finish is null ? null : piece.Timings)
        {
            Missing = (lacksRaw ? MissingLogprobs.Raw : MissingLogprobs.None) | (lacksSampling ? MissingLogprobs.Sampling : MissingLogprobs.None),
            CachedTokens = finish is null ? null : piece.CachedTokens,
            UnfilteredLogprobs = request.ReturnUnfilteredLogprobs && KnowsUnfiltered ? Slice(piece.Logprobs, start, end) : default(ReadOnlyMemory<float>?),
            TopLogprobs = hasDetails && piece.Top is { } top ? Join(top, start, end) : default(ReadOnlyMemory<TokenLogprob>?),
            WatchedLogprobs = hasDetails && piece.Watched is { } watched ? Join(watched, start, end) : default(ReadOnlyMemory<float>?),
            KeptTokens = Kept(piece, start, end),
        };
    }

    private (float[] Logprobs, bool IsMissing) Raw(RemotePiece piece, int start, int end) =>
        piece.RawLogprobs is { } raw ? Told(raw, start, end)
        : KnowsRaw ? Told(piece.Logprobs, start, end)
        : (Unknown(end - start), start < end);

    private (float[]? Logprobs, bool IsMissing) Sampling(RemotePiece piece, int start, int end) =>
        _sampling.IsRaw ? (null, false)
        : piece.SamplingLogprobs is { } sampling ? Told(sampling, start, end)
        : IsGreedy ? (new float[end - start], false)
        : reported == ReportedLogprobs.Sampling || (!IsFiltered && KnowsUnfiltered) ? Told(piece.Logprobs, start, end)
        : (Unknown(end - start), start < end);

    /// <summary>What the server tells, unless some of it is none.</summary>
    private static (float[] Logprobs, bool IsMissing) Told(IReadOnlyList<float> logprobs, int start, int end)
    {
        float[] told = Slice(logprobs, start, end);
        return Array.Exists(told, float.IsNaN) ? (Unknown(end - start), true) : (told, false);
    }

    private List<ReadOnlyMemory<int>>? Kept(RemotePiece piece, int start, int end)
    {
        if (!request.ReturnKeptTokens || (IsFiltered && piece.Kept is null))
            return null;
        return [.. Enumerable.Range(start, end - start).Select(i => piece.Kept is { } kept ? kept[i] : ReadOnlyMemory<int>.Empty)];
    }

    private int CountUntilStop(IReadOnlyList<int> tokens)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            _sampled.Add(tokens[i]);
            if (EndsWithStop())
                return i + 1;
        }

        return tokens.Count;
    }

    private bool EndsWithStop() => stopSequences.Any(sequence =>
        sequence.Count <= _sampled.Count && _sampled.Skip(_sampled.Count - sequence.Count).SequenceEqual(sequence));

    private static float[] Unknown(int count)
    {
        float[] values = new float[count];
        values.AsSpan().Fill(float.NaN);
        return values;
    }

    private static T[] Slice<T>(IReadOnlyList<T> values, int start, int end)
    {
        T[] slice = new T[end - start];
        for (int i = start; i < end; i++)
            slice[i - start] = values[i];
        return slice;
    }

    private static T[] Join<T>(IReadOnlyList<T[]> values, int start, int end) => [.. Slice(values, start, end).SelectMany(value => value)];
}
