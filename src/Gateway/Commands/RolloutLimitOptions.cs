using System.CommandLine;
using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;

namespace AgentRollout.Gateway.Commands;

/// <summary>The options of <c>rollout</c> that bound a trajectory.</summary>
internal sealed class RolloutLimitOptions
{
    private readonly Option<long> _maxTurns = OptionFactory.Integer("--max-turns", "Most assistant turns.", 8, 1, 1_000);

    private readonly Option<long?> _maxTokens = OptionFactory.OptionalInteger(
        "--max-tokens", "Most tokens of a sequence, prompt included. Default: the model's context.", 1, 10_000_000);

    private readonly Option<long> _maxToolCallsPerTurn = OptionFactory.Integer(
        "--max-tool-calls-per-turn", "Most calls of a turn; further ones are each answered with one sentence.", 16, 1, 1_000);

    private readonly Option<long?> _maxToolCalls = OptionFactory.OptionalInteger(
        "--max-tool-calls", "Most calls of a trajectory that are sent to tools. Default: no limit.", 1, 1_000_000);

    private readonly Option<float?> _maxToolSeconds = OptionFactory.OptionalNumber(
        "--max-tool-seconds", "Most time that a trajectory waits for its tools. Default: no limit.", value => value is >= 0.001f and <= 86_400, "from 0.001 to 86400");

    private readonly Option<long?> _maxObservationTokens = OptionFactory.OptionalInteger(
        "--max-observation-tokens", "Most tokens of tool results that a trajectory reads. Default: no limit.", ResultLimits.MinTokens, 10_000_000);

    private readonly Option<string> _whenSpent = OptionFactory.Choice(
        "--when-spent", "Once one of the three budgets above is spent: answer calls with a sentence, or end.", OptionFactory.WordsOf<SpentBudget>());

    private readonly Option<long> _maxResultCharacters = OptionFactory.Integer(
        "--max-result-characters", "Most characters of a tool's result.", ResultLimits.DefaultCharacters, ResultLimits.MinCharacters, ResultLimits.MaxCharacterLimit);

    private readonly Option<long?> _maxResultTokens = OptionFactory.OptionalInteger(
        "--max-result-tokens", "Most tokens of a tool's result. Default: no limit.", ResultLimits.MinTokens, ResultLimits.MaxTokenLimit);

    private readonly Option<string> _truncateResults = OptionFactory.Choice(
        "--truncate-results", "What is left out of a longer result.", OptionFactory.WordsOf<Truncation>());

    public IEnumerable<Option> All =>
    [
        _maxTurns, _maxTokens, _maxToolCallsPerTurn, _maxToolCalls, _maxToolSeconds, _maxObservationTokens, _whenSpent,
        _maxResultCharacters, _maxResultTokens, _truncateResults,
    ];

    public RolloutLimits Read(ParseResult parsed) => new()
    {
        MaxTurns = (int)parsed.GetValue(_maxTurns),
        MaxTokens = (int?)parsed.GetValue(_maxTokens),
        MaxToolCallsPerTurn = (int)parsed.GetValue(_maxToolCallsPerTurn),
        MaxToolCalls = (int?)parsed.GetValue(_maxToolCalls),
        MaxToolTime = parsed.GetValue(_maxToolSeconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        MaxObservationTokens = (int?)parsed.GetValue(_maxObservationTokens),
        WhenSpent = StatusText.Parse<SpentBudget>(parsed.GetRequiredValue(_whenSpent)),
        Results = new ResultLimits
        {
            MaxCharacters = (int)parsed.GetValue(_maxResultCharacters),
            MaxTokens = (int?)parsed.GetValue(_maxResultTokens),
            Truncate = StatusText.Parse<Truncation>(parsed.GetRequiredValue(_truncateResults)),
        },
    };
}
