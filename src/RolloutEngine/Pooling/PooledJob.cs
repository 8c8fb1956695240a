namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>A request on its way through the loop. The runner adds token vectors in order of position, so the sum is the same in any batch.</summary>
internal sealed class PooledJob(PooledRequest request, PoolingKind pooling, int hiddenSize)
{
    private readonly float[] _vector = new float[hiddenSize];

    public PooledRequest Request => request;

    public int Length => request.Tokens.Length;

    public TaskCompletionSource<float[]> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether the vector of this token counts.</summary>
    public bool Wants(int position) => pooling switch
    {
        PoolingKind.FirstToken => position == 0,
        PoolingKind.LastToken => position == Length - 1,
        _ => true,
    };

    public void Add(ReadOnlySpan<float> tokenVector)
    {
        for (int i = 0; i < _vector.Length; i++)
            _vector[i] += tokenVector[i];
    }

    /// <summary>The pooled vector, once all tokens are in.</summary>
    public float[] Finish()
    {
        for (int i = 0; pooling == PoolingKind.Mean && i < _vector.Length; i++)
            _vector[i] /= Length;
        return _vector;
    }
}
