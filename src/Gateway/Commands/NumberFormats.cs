using System.CommandLine;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Commands;

/// <summary>The options that say which numbers the engine under measurement computes with.</summary>
internal sealed class NumberFormats
{
    public Option<string> Weights { get; } = OptionFactory.Choice(
        "--weights", "What the matrices are kept in; auto is as the checkpoint stores them, bfloat16 rounds activations too.", Names<WeightType>());

    public Option<string> KvCache { get; } = OptionFactory.Choice("--kv-cache", "What keys and values are kept in; auto is by the checkpoint.", Names<KvCacheType>());

    public WeightType WeightType(ParseResult parsed) => Enum.Parse<WeightType>(parsed.GetRequiredValue(Weights), ignoreCase: true);

    public KvCacheType KvCacheType(ParseResult parsed) => Enum.Parse<KvCacheType>(parsed.GetRequiredValue(KvCache), ignoreCase: true);

    private static string[] Names<TEnum>() where TEnum : struct, Enum => [.. Enum.GetNames<TEnum>().Select(name => name.ToLowerInvariant())];
}
