using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Finds out by rendering a stand-in call in every spelling how a template takes calls.</summary>
internal static class CallSpellingProber
{
    private const string Function = "stand_in_function";
    private const string Value = "StandInValueOfTheArgument";
    private const string Answer = "StandInResultOfTheCall";

    private static readonly FunctionSchema[] Tools =
        [new(Function, "Stands in.", JsonElement.Parse("""{"type":"object","properties":{"text":{"type":"string","description":"A text."},"flag":{"type":"boolean","description":"A flag."}},"required":["text","flag"]}"""))];

    private static readonly ChatMessage Question = ChatMessage.User("Question");
    private static readonly ChatMessage Result = ChatMessage.Tool("c1", Function, Answer);
    private static readonly ToolCall[] Calls = [new("c1", Function, JsonElement.Parse($$"""{"text":"{{Value}}","flag":true}"""))];

    private static readonly CallSpelling[] Spellings =
        [.. from content in Enum.GetValues<CallContent>()
            from asText in new[] { false, true }
            from ids in Enum.GetValues<CallIdForm>()
            select new CallSpelling(ids, asText, content)];

    /// <summary>The first spelling, from OpenAI's own on, of those with which the template does best; OpenAI's where it writes no calls at all.</summary>
    /// <param name="render">Renders messages and tools in a spelling.</param>
    public static CallSpelling Probe(Func<IReadOnlyList<ChatMessage>, IReadOnlyList<FunctionSchema>, CallSpelling, string> render)
    {
        int mentions = Mentions(Render([Question, ChatMessage.Assistant("Words")], CallSpelling.Standard) ?? "");
        return Spellings.MaxBy(Score)!;

        int Score(CallSpelling spelling) => Math.Min(ScoreWith("Words", spelling), ScoreWith(null, spelling));

        int ScoreWith(string? content, CallSpelling spelling)
        {
            ChatMessage[] called = [Question, ChatMessage.Assistant(content, Calls)];
            if (Render(called, spelling) is not { } text || Mentions(text) <= mentions || !text.Contains(Value, StringComparison.Ordinal))
                return 0;
            bool writesJson = !text.Contains($"'text': '{Value}', 'flag': True", StringComparison.Ordinal);
            bool writesContent = content is not null || !text.Contains("None", StringComparison.Ordinal);
            bool takesResult = Render([.. called, Result], spelling)?.Contains(Answer, StringComparison.Ordinal) ?? false;
            return 1 + (takesResult ? 4 : 0) + (writesContent ? 2 : 0) + (writesJson ? 1 : 0);
        }

        string? Render(IReadOnlyList<ChatMessage> messages, CallSpelling spelling)
        {
            try
            {
                return render(messages, Tools, spelling);
            }
            catch (TokenizerException)
            {
                return null;
            }
        }
    }

    private static int Mentions(string text) => text.Split(Function).Length - 1;
}
