namespace AgentRollout.Tools.Schema;

/// <summary>
/// Bounds the checks of one call. Nested unions can make their number exponential in the depth of the arguments, and unique items
/// quadratic in their count; a model that tries everything must not hold a processor with either.
/// </summary>
internal sealed class CheckBudget
{
    private const int MostChecks = 1_000_000;

    /// <summary>What is said of arguments for which the budget did not suffice.</summary>
    public const string Spent = "The arguments are too large or nested too deeply to be checked against the schema.";

    private int _left = MostChecks;

    public bool IsSpent => _left < 0;

    public bool TrySpend() => --_left >= 0;
}
