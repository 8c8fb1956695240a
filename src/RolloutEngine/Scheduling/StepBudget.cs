namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>
/// How many tokens a step may still take. Each sequence that samples has one set aside; prompts share the rest, and where somebody samples
/// they share no more than a limit, so that a long prompt makes nobody wait.
/// </summary>
internal struct StepBudget(EngineOptions options, int decodes)
{
    private int _tokens = options.MaxBatchTokens;
    private int _decodes = decodes;
    private int _prompts = decodes > 0 ? options.MaxMixedPrefillTokens : options.MaxBatchTokens;

    /// <summary>Tokens that prompts may still take.</summary>
    public readonly int ForPrompts => Math.Min(_tokens - _decodes, _prompts);

    /// <summary>How many of its pending tokens a sequence may compute.</summary>
    public readonly int For(int pending) => pending == 1 ? Math.Min(1, _tokens) : Math.Min(pending, ForPrompts);

    /// <summary>All that sample have had their turn: what some of them could not use is everybody's.</summary>
    public void EndDecodes() => _decodes = 0;

    /// <summary>Takes tokens out.</summary>
    public void Spend(int pending, int tokens)
    {
        _tokens -= tokens;
        if (pending == 1 && _decodes > 0)
            _decodes--;
        else
            _prompts -= tokens;
    }
}
