using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// What a chat template does to the text before when a conversation grows, found out by rendering small conversations. It is about text
/// only and needs no tokenizer; <see cref="ChatFormatProbe"/> is what a server makes of it.
/// </summary>
/// <param name="UserTurn">A user message behind an answer.</param>
/// <param name="ToolTurn">A tool's result behind a call.</param>
/// <param name="UserTurnAfterReasoning">A user message behind an answer with reasoning.</param>
/// <param name="ToolTurnAfterReasoning">A tool's result behind a call with reasoning.</param>
/// <param name="PromptOpensAnswer">Whether a rendered answer begins with the generation prompt; null where the template refuses.</param>
/// <param name="PromptOpensReasonedAnswer">The same for an answer with reasoning.</param>
public sealed record TemplateConformance(
    HistoryFinding UserTurn,
    HistoryFinding ToolTurn,
    HistoryFinding UserTurnAfterReasoning,
    HistoryFinding ToolTurnAfterReasoning,
    bool? PromptOpensAnswer,
    bool? PromptOpensReasonedAnswer)
{
    private const int ShownCharacters = 32;
    private const string Question = """{"role":"user","content":"What is 2+2?"}""";
    private const string Answer = """{"role":"assistant","content":"4"}""";
    private const string ReasonedAnswer = """{"role":"assistant","content":"4","reasoning_content":"Two and two is four."}""";
    private const string Next = """{"role":"user","content":"And 3+3?"}""";
    private const string Calls = """[{"type":"function","id":"call_0001","function":{"name":"get_weather","arguments":{"city":"Paris"}}}]""";
    private const string Call = $$"""{"role":"assistant","content":"","tool_calls":{{Calls}}}""";
    private const string ReasonedCall = $$"""{"role":"assistant","content":"","reasoning_content":"Look it up.","tool_calls":{{Calls}}}""";
    private const string Result = """{"role":"tool","content":"21","tool_call_id":"call_0001","name":"get_weather"}""";

    /// <summary>Renders the conversations and compares.</summary>
    public static TemplateConformance Of(ChatTemplate template) => new(
        Append(template, Answer, Next),
        Append(template, Call, Result),
        Append(template, ReasonedAnswer, Next),
        Append(template, ReasonedCall, Result),
        Opens(template, Answer),
        Opens(template, ReasonedAnswer));

    private static HistoryFinding Append(ChatTemplate template, string turn, string added)
    {
        try
        {
            string before = Render(template, addGenerationPrompt: false, Question, turn);
            string after = Render(template, addGenerationPrompt: true, Question, turn, added);
            return after.StartsWith(before, StringComparison.Ordinal)
                ? new HistoryFinding(HistoryChange.Appends, null)
                : new HistoryFinding(HistoryChange.Rewrites, Difference(before, after));
        }
        catch (TokenizerException exception)
        {
            return new HistoryFinding(HistoryChange.Refuses, exception.Message);
        }
    }

    private static bool? Opens(ChatTemplate template, string answer)
    {
        try
        {
            string prompt = Render(template, addGenerationPrompt: true, Question);
            return Render(template, addGenerationPrompt: false, Question, answer).StartsWith(prompt, StringComparison.Ordinal);
        }
        catch (TokenizerException)
        {
            return null;
        }
    }

    /// <summary>As transformers renders them, without the spelling of calls that <see cref="CallSpelling"/> adapts to the template.</summary>
    private static string Render(ChatTemplate template, bool addGenerationPrompt, params ReadOnlySpan<string> messages) =>
        template.RenderJson(JsonElement.Parse($"[{string.Join(',', messages)}]"), tools: null, addGenerationPrompt).Text;

    private static string Difference(string before, string after)
    {
        int common = before.AsSpan().CommonPrefixLength(after);
        return $"after {Show(before[Math.Max(0, common - ShownCharacters)..common])}, {Show(Cut(before, common))} becomes {Show(Cut(after, common))}";
    }

    private static string Cut(string text, int from) => text[from..Math.Min(text.Length, from + ShownCharacters)];

    private static string Show(string text) =>
        text.Length == 0 ? "nothing" : $"\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}

/// <summary>What happens to the text of a conversation when a message follows it.</summary>
/// <param name="Change">Whether it stays.</param>
/// <param name="Why">Where it is rewritten: the first difference; where the template refuses: its words; else null.</param>
public sealed record HistoryFinding(HistoryChange Change, string? Why);

/// <summary>What happens to the text of a conversation when a message follows it.</summary>
public enum HistoryChange
{
    /// <summary>It stays, and the message is appended.</summary>
    Appends,

    /// <summary>It is changed.</summary>
    Rewrites,

    /// <summary>The template renders no such conversation.</summary>
    Refuses,
}
