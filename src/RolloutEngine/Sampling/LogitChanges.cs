using System.Runtime.InteropServices;
using AgentRollout.RolloutEngine.Backends;

namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// Bias, penalties and held-back stop tokens: the few logits that they change are changed in place and put back afterwards. It counts from
/// the tokens each time, so nothing has to be kept in step with a sequence. One per thread.
/// </summary>
internal sealed unsafe class LogitChanges(int vocabulary)
{
    /// <summary>Tokens that are changed, or might be, with their raw logits.</summary>
    private readonly List<(int Token, float Raw)> _touched = [];
    private Occurrence[] _occurrences = []; // [token]

    /// <summary>Changes the logits for this row.</summary>
    public void Apply(float* logits, in OutputRow row)
    {
        if (_occurrences.Length == 0)
        {
            _occurrences = new Occurrence[vocabulary];
            _touched.EnsureCapacity(vocabulary);
        }

        (SamplingParams sampling, TokenHistory history) = (row.Sampling, row.History!);
        int start = history.StartOf(row.Position);
        CountTokens(logits, sampling, history.Tokens.AsSpan(0, row.Position), start);
        foreach ((int token, float bias) in history.LogitBias)
            logits[Touch(logits, token)] += bias;
        Penalize(logits, sampling);
        if (row.Position - start < sampling.MinNewTokens)
        {
            foreach (int token in history.StopTokenIds)
                logits[Touch(logits, token)] = float.NegativeInfinity;
        }
    }

    /// <summary>Puts the raw logits back.</summary>
    public void Undo(float* logits)
    {
        foreach ((int token, float raw) in CollectionsMarshal.AsSpan(_touched))
        {
            logits[token] = raw;
            _occurrences[token] = default;
        }

        _touched.Clear();
    }

    private void CountTokens(float* logits, SamplingParams sampling, ReadOnlySpan<int> tokens, int start)
    {
        if (sampling.RepetitionPenalty != 1f)
        {
            foreach (int token in tokens)
                _occurrences[Touch(logits, token)].IsInSequence = true;
        }

        if (sampling.FrequencyPenalty != 0f || sampling.PresencePenalty != 0f)
        {
            foreach (int token in tokens[start..])
                _occurrences[Touch(logits, token)].Sampled++;
        }
    }

    private void Penalize(float* logits, SamplingParams sampling)
    {
        foreach ((int token, _) in CollectionsMarshal.AsSpan(_touched))
        {
            Occurrence occurrence = _occurrences[token];
            float logit = logits[token];
            if (occurrence.IsInSequence)
                logit = logit > 0 ? logit / sampling.RepetitionPenalty : logit * sampling.RepetitionPenalty;
            if (occurrence.Sampled > 0)
                logit -= sampling.FrequencyPenalty * occurrence.Sampled + sampling.PresencePenalty;
            logits[token] = logit;
        }
    }

    private int Touch(float* logits, int token)
    {
        if (!_occurrences[token].IsTouched)
        {
            _occurrences[token].IsTouched = true;
            _touched.Add((token, logits[token]));
        }

        return token;
    }

    private struct Occurrence
    {
        public int Sampled;
        public bool IsInSequence;
        public bool IsTouched;
    }
}
