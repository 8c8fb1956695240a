namespace AgentRollout.Tokenization.Normalization;

/// <summary>Normalizers one after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> steps) : Normalizer
{
    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        changed = [];
        origins = [];
        bool hasChanged = false;
        foreach (Normalizer step in steps)
        {
            ReadOnlySpan<char> current = hasChanged ? changed : text;
            if (!step.TryChange(current, out char[] next, out int[] nextOrigins))
                continue;
            if (hasChanged)
            {
                for (int i = 0; i < nextOrigins.Length; i++)
                    nextOrigins[i] = origins[nextOrigins[i]];
            }

            (changed, origins, hasChanged) = (next, nextOrigins, true);
        }

        return hasChanged;
    }
}
