using System.Diagnostics;
using System.Runtime.InteropServices;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Capture;

/// <summary>One turn of a session while it is sampled. Used by one caller at a time; only the session may cut it meanwhile.</summary>
public sealed class CapturedTurn
{
    private readonly CaptureSession _session;
    private readonly List<WeightRun> _runs = [];
    private readonly List<float> _samplingLogprobs = [];
    private readonly StreamingDecoder? _text;
    private readonly long _started = Stopwatch.GetTimestamp();
    private TokenChunk? _last;
    private bool _hasSamplingLogprobs;
    private readonly Lock _lock = new();
    private Task? _ending;

    internal CapturedTurn(CaptureSession session, int number, CapturedSequence sequence, CapturedPrompt prompt)
    {
        (_session, Number, Sequence, Prompt) = (session, number, sequence, prompt);
        Reported = new SampledRun(sequence.Index, sequence.Tokens.Count);
        _text = session.IsWatched ? new StreamingDecoder(session.Policy.Format.Tokenizer) : null;
    }

    /// <summary>The assistant turn, from 1.</summary>
    public int Number { get; }

    public CaptureSession Session => _session;

    /// <summary>What the engine continues.</summary>
    public CapturedPrompt Prompt { get; }

    internal CapturedSequence Sequence { get; }

    /// <summary>What the engine reported.</summary>
    internal SampledRun Reported { get; }

    /// <summary>Takes a chunk of the engine's, verbatim; false, and nothing is taken, where the session has cut the turn.</summary>
    public bool TryAppend(TokenChunk chunk)
    {
        lock (_lock)
        {
            if (_ending is not null)
                return false;
            Take(chunk);
            return true;
        }
    }

    /// <summary>
    /// Writes the turn down, before its last part is shown; one without a finish reason was cut. A turn without tokens is as if it had not been asked
    /// for. What ends it first counts.
    /// </summary>
    /// <param name="shown">What the client reads.</param>
    /// <exception cref="JournalException">The journal cannot be kept.</exception>
    public Task EndAsync(ChatMessage shown)
    {
        lock (_lock)
            return _ending ??= _session.EndAsync(this, Reported.Tokens.Count == 0 ? null : ToEvent(), shown, Stopwatch.GetElapsedTime(_started));
    }

    /// <summary>Ends the turn for the session, behind which nobody goes on.</summary>
    internal Task CutAsync()
    {
        lock (_lock)
            return EndAsync(ChatMessage.Assistant(_session.Policy.Format.Tokenizer.Decode(CollectionsMarshal.AsSpan(Reported.Tokens))));
    }

    private void Take(TokenChunk chunk)
    {
        _last = chunk;
        Reported.Add(chunk);
        int count = chunk.Tokens.Length;
        _samplingLogprobs.AddRange(chunk.SamplingLogprobs?.ToArray() ?? Enumerable.Repeat(float.NaN, count));
        _hasSamplingLogprobs |= count > 0 && chunk.SamplingLogprobs is not null;
        if (count == 0)
            return;
        if (_runs is [.., var run] && run.WeightVersion == chunk.WeightVersion)
            _runs[^1] = run with { Count = run.Count + count };
        else
            _runs.Add(new WeightRun(count, chunk.WeightVersion));
        if (_text is not null)
        {
            _session.Report(new TokensSampled(
                _session.Spec.RolloutId, _session.Spec.TrajectoryId, Number, chunk.Tokens.ToArray(), chunk.Logprobs.ToArray(), _text.Append(chunk.Tokens.Span), chunk.WeightVersion));
        }
    }

    private TurnSampled ToEvent() => new(
        Number,
        [.. _runs],
        Reported.Tokens.ToArray(),
        Reported.Logprobs.ToArray(),
        _hasSamplingLogprobs ? _samplingLogprobs.ToArray() : default(ReadOnlyMemory<float>?),
        _last?.Finish,
        _last?.Timings);
}
