namespace AgentRollout.RolloutEngine.Backends;

/// <summary>What parameters that change logits look at: the tokens before the one to draw, where its generation began, and which tokens end it.</summary>
/// <param name="Tokens">[position] of the sequence; known up to the position that is drawn.</param>
/// <param name="Starts">Where generations began, ascending.</param>
/// <param name="LogitBias">What is added to whose logits.</param>
/// <param name="StopTokenIds">Held back until a generation has its minimum length.</param>
internal sealed record TokenHistory(int[] Tokens, int[] Starts, KeyValuePair<int, float>[] LogitBias, int[] StopTokenIds)
{
    /// <summary>Where the generation that draws this position began.</summary>
    public int StartOf(int position)
    {
        int index = Array.BinarySearch(Starts, position);
        return index >= 0 ? position : index == -1 ? 0 : Starts[~index - 1];
    }
}
