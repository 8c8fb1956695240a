namespace AgentRollout.RolloutEngine.Weights;

/// <summary>What <c>config.json</c> says about an encoder of BERT's kind: learned positions, normalisation behind every block, GELU.</summary>
internal sealed record EncoderConfig
{
    /// <summary>The prefix of its tensors: <c>bert</c> or <c>roberta</c>.</summary>
    public required string Family { get; init; }

    public required int HiddenSize { get; init; }

    public required int LayerCount { get; init; }

    public required int HeadCount { get; init; }

    public required int FeedForwardSize { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Rows of the position table.</summary>
    public required int PositionCount { get; init; }

    /// <summary>The position of the first token: RoBERTa begins behind its padding id.</summary>
    public required int FirstPosition { get; init; }

    public required int TokenTypes { get; init; }

    public required float LayerNormEpsilon { get; init; }

    public int HeadDim => HiddenSize / HeadCount;

    public int ContextLength => PositionCount - FirstPosition;

    public static EncoderConfig Read(ConfigFile config, string family)
    {
        if (config.Text("hidden_act") is { } activation and not "gelu")
            throw config.Unsupported("hidden_act", $"'{activation}'", "gelu");
        if (config.Text("position_embedding_type") is { } positions and not "absolute")
            throw config.Unsupported("position_embedding_type", $"'{positions}'", "absolute");
        int hidden = config.Integer("hidden_size"), heads = config.Integer("num_attention_heads");
        if (hidden % heads != 0)
            throw config.Unsupported("num_attention_heads", $"{heads}", $"divisors of hidden_size {hidden}");
        return new EncoderConfig
        {
            Family = family,
            HiddenSize = hidden,
            LayerCount = config.Integer("num_hidden_layers"),
            HeadCount = heads,
            FeedForwardSize = config.Integer("intermediate_size"),
            VocabularySize = config.Integer("vocab_size"),
            PositionCount = config.Integer("max_position_embeddings"),
            FirstPosition = family == "roberta" ? (config.OptionalInteger("pad_token_id") ?? 1) + 1 : 0,
            TokenTypes = config.Integer("type_vocab_size"),
            LayerNormEpsilon = (float)(config.OptionalNumber("layer_norm_eps") ?? 1e-12),
        };
    }
}
