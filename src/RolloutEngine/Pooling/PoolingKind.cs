namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>How the vectors of a sequence's tokens become one.</summary>
public enum PoolingKind
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>That of the last token, which in a decoder is the one that has seen all others.</summary>
    LastToken,

    /// <summary>That of the first token: BERT's <c>[CLS]</c>.</summary>
    FirstToken,
}
