using System.Globalization;
using System.Text.RegularExpressions;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Replay;

/// <summary>Shows a new result as a recorded one was shown to the model, so that the two can be compared: cut at the same places.</summary>
internal static partial class RecordedResult
{
    /// <summary>
    /// The new result, cut where the recorded one was. Where a spent budget let the model read nothing, only the lengths can be compared:
    /// the recorded text where they are equal, else the new one.
    /// </summary>
    public static string ShowAlike(TrajectoryToolCall call, string result)
    {
        if (call.ResultLength is not { } fullLength)
            return result;
        string? first = null;
        foreach ((int head, int tail) in FindCuts(call.Result!, fullLength))
        {
            string shown = result.Length <= head + tail ? result : ResultCut.Join(result.AsSpan(0, head), result.AsSpan(result.Length - tail), result.Length);
            if (shown == call.Result)
                return shown;
            first ??= shown;
        }

        return first ?? (result.Length == fullLength ? call.Result! : result);
    }

    /// <summary>
    /// How much of the beginning and the end may stand beside the sentence about what is left out: once, unless the tool said such a sentence
    /// itself; nowhere where the sentence is another one.
    /// </summary>
    private static IEnumerable<(int Head, int Tail)> FindCuts(string text, int fullLength)
    {
        foreach (Match notice in Notice().Matches(text))
        {
            int head = Math.Max(0, notice.Index - 1);
            int tail = Math.Max(0, text.Length - notice.Index - notice.Length - 1);
            if (long.Parse(notice.Groups[1].ValueSpan, CultureInfo.InvariantCulture) + head + tail == fullLength)
                yield return (head, tail);
        }
    }

    [GeneratedRegex(@"\[(\d{1,18}) characters? (?:is|are) left out here\.\]", RegexOptions.CultureInvariant)]
    private static partial Regex Notice();
}
