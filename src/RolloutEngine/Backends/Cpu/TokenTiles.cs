namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The tokens of a batch, cut into runs of neighbours of a sequence.</summary>
/// <param name="maxTokens">Of a batch.</param>
/// <param name="together">Most tokens of a run.</param>
internal sealed class TokenTiles(int maxTokens, int together)
{
    private readonly int[] _starts = new int[maxTokens + 1];

    public int Count { get; private set; }

    /// <summary>First token and number of tokens.</summary>
    public (int First, int Count) this[int tile] => (_starts[tile], _starts[tile + 1] - _starts[tile]);

    public void Cut(ForwardBatch batch)
    {
        Count = 0;
        for (int token = 0; token < batch.TokenCount; token++)
        {
            bool isNeighbour = token > 0 && batch.SequenceOf[token] == batch.SequenceOf[token - 1] && batch.Positions[token] == batch.Positions[token - 1] + 1;
            if (!isNeighbour || token - _starts[Count - 1] == together)
                _starts[Count++] = token;
        }

        _starts[Count] = batch.TokenCount;
    }
}
