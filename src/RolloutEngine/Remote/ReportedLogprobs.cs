namespace AgentRollout.RolloutEngine.Remote;

/// <summary>The distribution whose log-probabilities a server reports. What cannot be told from them stays unknown.</summary>
public enum ReportedLogprobs
{
    /// <summary>Of the logits as they are: vLLM as it comes (<c>raw_logprobs</c>), SGLang with <c>SGLANG_RETURN_ORIGINAL_LOGPROB</c>.</summary>
    Raw,

    /// <summary>After bias, penalties and temperature, before the filters: SGLang as it comes. Greedy sampling counts as temperature 1.</summary>
    Unfiltered,

    /// <summary>Of what is sampled from: vLLM with <c>processed_logprobs</c>.</summary>
    Sampling,
}
