using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Shows the conformance report of a chat template, for people or as JSON.</summary>
internal static class TemplateView
{
    public static string ToJson(TemplateReport report) => JsonSerializer.Serialize(report, TemplateReportJson.Default.TemplateReport);

    public static void Show(IAnsiConsole console, TemplateReport report)
    {
        List<(string Name, string Value)> rows =
        [
            ("template", report.Template),
            ("hash", report.Hash),
            ("user message after an answer", Describe(report.UserTurn)),
            ("  after reasoning", Describe(report.UserTurnAfterReasoning)),
            ("tool result after a call", Describe(report.ToolTurn)),
            ("  after reasoning", Describe(report.ToolTurnAfterReasoning)),
            ("prompt opens the rendered answer", Describe(report.PromptOpensAnswer)),
            ("  with reasoning", Describe(report.PromptOpensReasonedAnswer)),
        ];
        if (report.Refusal is { } refusal)
            rows.Add(("cannot be served", refusal));
        if (report.Format is { } format)
            rows.AddRange(Rows(format));
        Grid grid = new Grid().AddColumn().AddColumn();
        foreach ((string name, string value) in rows)
            grid.AddRow(new Text(name), new Text(value));
        console.Write(grid);
    }

    private static IEnumerable<(string Name, string Value)> Rows(ChatFormatReport format)
    {
        yield return ("end of turn", format.EndOfTurn.Length == 0 ? "none: the opening of the next message ends it" : Quote(format.EndOfTurn));
        yield return ("glue behind it", Quote(format.Glue));
        yield return ("the engine stops at", string.Join(", ", format.EndsOfTurn.Select(end => $"{Quote(end.Text)} (id {end.Id})")));
        yield return ("generation prompt", Quote(format.GenerationPrompt));
        yield return ("deltas ignore what was said", format.DeltaIgnoresContent ? "yes" : "no");
        yield return ("tool results", format.ToolRefusal is { } refusal ? $"no: {refusal}" : "yes");
        yield return ("tool calls", format.ToolCallParser ?? "in a form that no parser reads");
        yield return ("where turns are rewritten", $"{format.History}: what was sampled stays; a rollout may ask for rerender");
    }

    private static string Describe(HistoryReport history) => history.Why is { } why ? $"{history.Change}: {why}" : history.Change;

    private static string Describe(bool? opens) => opens switch { null => "refuses", true => "yes", _ => "no" };

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TemplateReport))]
internal sealed partial class TemplateReportJson : JsonSerializerContext;
