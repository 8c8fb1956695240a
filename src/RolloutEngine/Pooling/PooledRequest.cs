namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>A sequence whose vector is wanted.</summary>
public sealed record PooledRequest
{
    /// <summary>For logs and errors.</summary>
    public required string Id { get; init; }

    /// <summary>At least one, special tokens included. The memory must not change until the result is there.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>[token] BERT's segment of each token, for pairs of texts; empty for all 0.</summary>
    public ReadOnlyMemory<int> TokenTypes { get; init; }

    /// <exception cref="EngineException">The first thing that is wrong, with the value and what is allowed.</exception>
    internal void Validate(PooledModel model, int tokenTypes)
    {
        if (Tokens.IsEmpty)
            throw Refused("has no tokens; at least one is needed");
        if (Tokens.Length > model.ContextLength)
            throw Refused($"has {Tokens.Length} tokens; '{model.Name}' takes at most {model.ContextLength}");
        if (!TokenTypes.IsEmpty && TokenTypes.Length != Tokens.Length)
            throw Refused($"has {TokenTypes.Length} token types for {Tokens.Length} tokens");
        foreach (int token in Tokens.Span)
        {
            if ((uint)token >= (uint)model.VocabularySize)
                throw Refused($"has token id {token}; ids of '{model.Name}' are 0 to {model.VocabularySize - 1}");
        }

        foreach (int type in TokenTypes.Span)
        {
            if ((uint)type >= (uint)tokenTypes)
                throw Refused($"has token type {type}; those of '{model.Name}' are 0 to {tokenTypes - 1}");
        }
    }

    private EngineException Refused(string reason) => new($"Request '{Id}' {reason}.");
}
