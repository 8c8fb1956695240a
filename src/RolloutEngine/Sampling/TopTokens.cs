namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>Finds the likeliest tokens by looking only into blocks whose maximum can be among them.</summary>
internal static unsafe class TopTokens
{
    /// <summary>Fills <paramref name="top"/> with the likeliest tokens, the likeliest first, ties by id; where the vocabulary is smaller, the rest stays.</summary>
    /// <param name="logits">[vocabulary]</param>
    /// <param name="vocabulary">How many logits.</param>
    /// <param name="maxima">[block] of logits.</param>
    /// <param name="blockLength">Logits of a block.</param>
    /// <param name="max">Of all logits.</param>
    /// <param name="scale">What logits are multiplied with: the inverse temperature.</param>
    /// <param name="total">The sum of e^((logit - max) · scale).</param>
    /// <param name="top">Receives tokens and log-probabilities.</param>
    public static void Find(
        float* logits, int vocabulary, ReadOnlySpan<float> maxima, int blockLength, float max, float scale, double total, Span<TokenLogprob> top)
    {
        int count = 0;
        for (int block = 0; block < maxima.Length; block++)
        {
            if (count == top.Length && maxima[block] <= top[^1].Logprob)
                continue;
            int end = Math.Min(vocabulary, (block + 1) * blockLength);
            for (int id = block * blockLength; id < end; id++)
            {
                if (count == top.Length && logits[id] <= top[^1].Logprob)
                    continue;
                int place = count < top.Length ? count++ : count - 1;
                for (; place > 0 && logits[id] > top[place - 1].Logprob; place--)
                    top[place] = top[place - 1];
                top[place] = new TokenLogprob(id, logits[id]);
            }
        }

        // Until here they were logits.
        double logTotal = Math.Log(total);
        for (int i = 0; i < count; i++)
            top[i] = top[i] with { Logprob = (float)((double)((top[i].Logprob - max) * scale) - logTotal) };
    }
}
