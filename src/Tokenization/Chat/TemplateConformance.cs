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
    private const string Reasoning = "Two and two is four.";

    private static readonly FunctionSchema[] NoTools = [];
    private static readonly ChatMessage Question = ChatMessage.User("What is 2+2?");
    private static readonly ChatMessage Answer = ChatMessage.Assistant("4");
    private static readonly ChatMessage Call = ChatMessage.Assistant(
        "", [new ToolCall("call_0001", "get_weather", JsonElement.Parse("""{"city":"Paris"}"""))]);

    private static readonly ChatMessage Next = ChatMessage.User("And 3+3?");
    private static readonly ChatMessage Result = ChatMessage.Tool("call_0001", "get_weather", "21");

    /// <summary>Renders the conversations and compares.</summary>
    public static TemplateConformance Of(ChatTemplate template) => new(
        Append(template, Answer, Next),
        Append(template, Call, Result),
        Append(template, Answer with { ReasoningContent = Reasoning }, Next),
        Append(template, Call with { ReasoningContent = Reasoning }, Result),
        Opens(template, Answer),
        Opens(template, Answer with { ReasoningContent = Reasoning }));

    private static HistoryFinding Append(ChatTemplate template, ChatMessage turn, ChatMessage added)
    {
        try
        {
            string before = template.Render([Question, turn], NoTools, addGenerationPrompt: false);
            string after = template.Render([Question, turn, added], NoTools, addGenerationPrompt: true);
            return after.StartsWith(before, StringComparison.Ordinal)
                ? new HistoryFinding(HistoryChange.Appends, null)
                : new HistoryFinding(HistoryChange.Rewrites, Difference(before, after));
        }
        catch (TokenizerException exception)
        {
            return new HistoryFinding(HistoryChange.Refuses, exception.Message);
        }
    }

    private static bool? Opens(ChatTemplate template, ChatMessage answer)
    {
        try
        {
            string prompt = template.Render([Question], NoTools, addGenerationPrompt: true);
            return template.Render([Question, answer], NoTools, addGenerationPrompt: false).StartsWith(prompt, StringComparison.Ordinal);
        }
        catch (TokenizerException)
        {
            return null;
        }
    }

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
