using System.Globalization;
using AgentRollout.Gateway.Storage;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Prints a finished rollout: a row per trajectory, or per group where there are many, and the figures.</summary>
internal static class RolloutTables
{
    private const int MostRows = 40;

    public static void Write(IAnsiConsole console, IReadOnlyList<TrajectorySummary> summaries, RolloutReport report)
    {
        if (summaries.Count <= MostRows)
            console.Write(OfTrajectories(summaries));
        else
            WriteGroups(console, summaries);

        console.WriteLine(Text(
            $"{report.Trajectories} trajectories: {report.Completed} completed, {report.Truncated} truncated, {report.Aborted} aborted, {report.Failed} failed; mean reward {Number(report.MeanReward)}"));
        console.WriteLine(Text(
            $"{report.SampledTokens:N0} of {report.Tokens:N0} tokens sampled in {report.WallSeconds:0.00} s: {report.TokensPerSecond:N0} tokens/s"));
        console.WriteLine(Text(
            $"A turn takes {report.EngineMsPerTurn:0.00} ms in the engine, {report.ToolMsPerTurn:0.00} ms in tools, {report.OverheadMsPerTurn:0.00} ms in the loop"));
    }

    private static Table OfTrajectories(IReadOnlyList<TrajectorySummary> summaries)
    {
        Table table = NewTable("task", "sample", "status", "stop reason", "reward", "turns", "tool calls", "tokens", "sampled");
        foreach (TrajectorySummary summary in InOrder(summaries))
        {
            table.AddRow(
                Markup.Escape(summary.TaskId),
                Text($"{summary.SampleIndex}"),
                StatusText.Of(summary.Status),
                StatusText.Of(summary.StopReason),
                Number(summary.Reward),
                Text($"{summary.Turns}"),
                Text($"{summary.ToolCalls}"),
                Text($"{summary.Tokens}"),
                Text($"{summary.SampledTokens}"));
        }

        return table;
    }

    private static void WriteGroups(IAnsiConsole console, IReadOnlyList<TrajectorySummary> summaries)
    {
        Table table = NewTable("task", "trajectories", "completed", "mean reward", "turns", "tool calls", "tokens", "sampled");
        IGrouping<string, TrajectorySummary>[] groups = [.. InOrder(summaries).GroupBy(summary => summary.GroupId)];
        foreach (IGrouping<string, TrajectorySummary> group in groups.Take(MostRows))
        {
            table.AddRow(
                Markup.Escape(group.First().TaskId),
                Text($"{group.Count()}"),
                Text($"{group.Count(summary => summary.Status == Environments.Loop.TrajectoryStatus.Completed)}"),
                Number(group.Average(summary => summary.Reward)),
                Text($"{group.Sum(summary => summary.Turns)}"),
                Text($"{group.Sum(summary => summary.ToolCalls)}"),
                Text($"{group.Sum(summary => summary.Tokens)}"),
                Text($"{group.Sum(summary => summary.SampledTokens)}"));
        }

        console.Write(table);
        if (groups.Length > MostRows)
            console.WriteLine(Text($"and {groups.Length - MostRows} more groups"));
    }

    private static Table NewTable(params string[] columns)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in columns)
            table.AddColumn(column);
        return table;
    }

    /// <summary>In the order of the tasks, whatever finished first: group ids end in the task's number.</summary>
    private static IOrderedEnumerable<TrajectorySummary> InOrder(IReadOnlyList<TrajectorySummary> summaries) => summaries
        .OrderBy(summary => long.Parse(summary.GroupId.AsSpan(summary.GroupId.LastIndexOf('-') + 1), CultureInfo.InvariantCulture))
        .ThenBy(summary => summary.SampleIndex);

    private static string Number(double? value) => value is { } number ? number.ToString("0.###", CultureInfo.InvariantCulture) : "-";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
