using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects;

/// <summary>What has come of a <see cref="DialectCall"/> so far. It grows with every chunk of the engine; lists have an entry for each sampled token.</summary>
internal sealed class DialectAnswer
{
    private readonly WeightLabels _labels;
    private readonly List<int> _tokens = [];
    private readonly List<float> _raw = [];
    private readonly List<float> _sampling = [];
    private readonly List<float> _reported = [];
    private readonly List<ReadOnlyMemory<TokenLogprob>> _top = [];
    private readonly List<ReadOnlyMemory<float>> _watched = [];
    private readonly List<ReadOnlyMemory<int>> _kept = [];
    private readonly List<VersionSpan> _versions = [];
    private bool _lacksReported;

    public DialectAnswer(DialectCall call, Tokenizer tokenizer, WeightLabels labels, long weightVersion)
    {
        (Call, _labels) = (call, labels);
        Text = new AnswerText(tokenizer, call);
        (WeightVersion, WeightLabel) = (weightVersion, labels.NameOf(weightVersion));
    }

    public DialectCall Call { get; }

    /// <summary>The text of the tokens.</summary>
    public AnswerText Text { get; }

    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Of the logits as they are.</summary>
    public IReadOnlyList<float> RawLogprobs => _raw;

    /// <summary>Of the distribution sampled from.</summary>
    public IReadOnlyList<float> SamplingLogprobs => _sampling;

    /// <summary>The likeliest tokens; empty where none were asked for.</summary>
    public IReadOnlyList<ReadOnlyMemory<TokenLogprob>> Top => _top;

    /// <summary>Log-probabilities of the watched tokens; empty where none are watched.</summary>
    public IReadOnlyList<ReadOnlyMemory<float>> Watched => _watched;

    /// <summary>Tokens that the filters left; empty where nobody asked.</summary>
    public IReadOnlyList<ReadOnlyMemory<int>> Kept => _kept;

    /// <summary>Tokens of the prompt behind <see cref="DialectCall.PromptLogprobsFrom"/>; null until they are scored.</summary>
    public IReadOnlyList<ScoredToken>? Prompt { get; set; }

    /// <summary>Which weights each part came from, in order.</summary>
    public IReadOnlyList<VersionSpan> Versions => _versions;

    /// <summary>The weights of the latest tokens, or those in use where there are none yet.</summary>
    public long WeightVersion { get; private set; }

    /// <summary>What the trainer calls them.</summary>
    public string WeightLabel { get; private set; }

    /// <summary>Tokens of the prompt that were found computed; null until the end, or where the engine does not say.</summary>
    public int? CachedTokens { get; private set; }

    /// <summary>Where the time went; null until the end, or where the engine does not say.</summary>
    public GenerationTimings? Timings { get; private set; }

    /// <summary>What the engine said; null where something else ended the answer.</summary>
    public FinishReason? EngineFinish { get; private set; }

    /// <summary>Set once nothing more comes.</summary>
    public DialectFinish? Finish { get; private set; }

    /// <summary>The engine's chunk that it has just grown by, up to the token that completes a stop text; null where it was ended by something else.</summary>
    public TokenChunk? Latest { get; private set; }

    /// <summary>Log-probabilities of the distribution that the protocol reports.</summary>
    /// <exception cref="EngineException">The engine does not report them, and others must not stand for them.</exception>
    public IReadOnlyList<float> ReportedLogprobs() => !_lacksReported ? _reported : throw new EngineException(
        $"The engine does not report the log-probabilities that request '{Call.Id}' asks for with these sampling parameters; at temperature 1 without filters and penalties it does.");

    /// <summary>Takes a chunk in, up to the token that completes a stop text.</summary>
    public void Append(TokenChunk chunk)
    {
        ReadOnlySpan<int> tokens = chunk.Tokens.Span;
        bool endsByToken = chunk.Finish == FinishReason.Stop && tokens is [.., var last] && Call.StopTokenIds.Contains(last);
        int count = 0;
        string? stopText = null;
        while (count < tokens.Length && stopText is null)
        {
            bool isShown = !endsByToken || count < tokens.Length - 1 || Call.KeepsStop;
            stopText = isShown ? Text.Append(tokens[count]) : null;
            count++;
        }

        AddTokens(chunk, count);
        (CachedTokens, Timings) = (chunk.CachedTokens, chunk.Timings);
        if (stopText is not null)
            End(new DialectFinish(FinishKind.Stop, StopText: stopText));
        else if (chunk.Finish is { } reason)
            EndBy(reason, endsByToken ? tokens[^1] : null);
        Latest = stopText is null ? chunk : Cut(chunk, count);
    }

    /// <summary>Ends it for another reason than the engine's.</summary>
    public void End(DialectFinish finish)
    {
        Finish = finish;
        Latest = null;
        Text.End(finish.StopText);
    }

    /// <summary>What a stop text leaves of a chunk: the model is not the one that ended it, but it is ended.</summary>
    private static TokenChunk Cut(TokenChunk chunk, int count) => new(
        chunk.Tokens[..count], chunk.Logprobs[..count], chunk.SamplingLogprobs?[..count], chunk.WeightVersion, FinishReason.Stop, chunk.Timings) { Missing = chunk.Missing };

    private void EndBy(FinishReason reason, int? stopToken)
    {
        EngineFinish = reason;
        End(reason switch
        {
            FinishReason.Stop => new DialectFinish(FinishKind.Stop, StopToken: stopToken),
            FinishReason.Length => new DialectFinish(FinishKind.Length),
            FinishReason.Interrupted => new DialectFinish(FinishKind.Abort, Message: "The engine was taken away for other weights or its memory."),
            _ => new DialectFinish(FinishKind.Abort, Message: "The deadline of the request passed."),
        });
    }

    private void AddTokens(TokenChunk chunk, int count)
    {
        ReadOnlySpan<float> raw = chunk.Logprobs.Span, sampling = (chunk.SamplingLogprobs ?? chunk.Logprobs).Span;
        ReadOnlySpan<float> reported = Call.Distribution == ReportedDistribution.Raw || !Call.IsTempered ? raw
            : chunk.UnfilteredLogprobs is { } unfiltered ? unfiltered.Span : sampling;
        _tokens.AddRange(chunk.Tokens.Span[..count]);
        _raw.AddRange(raw[..count]);
        _sampling.AddRange(sampling[..count]);
        _reported.AddRange(reported[..count]);
        _lacksReported |= reported[..count].Contains(float.NaN);
        (int top, int watched) = (Call.TopLogprobs, Call.WatchedTokenIds.Count);
        for (int i = 0; i < count; i++)
        {
            if (chunk.TopLogprobs is { } likeliest)
                _top.Add(likeliest.Slice(i * top, top));
            if (chunk.WatchedLogprobs is { } asked)
                _watched.Add(asked.Slice(i * watched, watched));
            if (chunk.KeptTokens is { } kept)
                _kept.Add(kept[i]);
        }

        NoteVersion(chunk.WeightVersion, count);
    }

    private void NoteVersion(long version, int count)
    {
        (WeightVersion, WeightLabel) = (version, _labels.NameOf(version));
        if (count == 0)
            return;
        if (_versions is [.., var last] && last.Label == WeightLabel)
            _versions[^1] = last with { End = _tokens.Count };
        else
            _versions.Add(new VersionSpan(WeightLabel, _tokens.Count - count, _tokens.Count));
    }
}

/// <summary>Sampled tokens of one weight version.</summary>
/// <param name="Label">What the trainer calls it.</param>
/// <param name="Start">The first token.</param>
/// <param name="End">Behind the last.</param>
internal readonly record struct VersionSpan(string Label, int Start, int End);
