using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentRollout.Environments.Rewards;

/// <summary>What two spellings of one answer have in common.</summary>
internal static partial class AnswerText
{
    private static readonly HashSet<string> Articles = ["a", "an", "the"];

    /// <summary>
    /// Lower case, single spaces, no full stop at the end; a decimal number without grouping commas, plus sign or trailing zeros,
    /// so that <c>1,250.0</c> and <c>1250</c> are one.
    /// </summary>
    public static string Normalize(string text)
    {
        string normal = WhiteSpace().Replace(text.Trim(), " ").TrimEnd('.').TrimEnd().ToLowerInvariant();
        if (!Number().IsMatch(normal))
            return normal;
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowThousands;
        return decimal.TryParse(normal, Style, CultureInfo.InvariantCulture, out decimal number)
            ? number.ToString("0.############################", CultureInfo.InvariantCulture)
            : normal;
    }

    /// <summary>Runs of letters and digits in lower case, articles left out: the words that SQuAD's F1 counts.</summary>
    public static IEnumerable<string> Words(string text) =>
        Word().Matches(text.ToLowerInvariant()).Select(match => match.Value).Where(word => !Articles.Contains(word));

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex(@"^[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?\z")]
    private static partial Regex Number();

    [GeneratedRegex(@"[\p{L}\p{M}\p{N}]+")]
    private static partial Regex Word();
}
