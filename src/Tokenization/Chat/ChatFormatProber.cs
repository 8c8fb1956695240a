using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Finds out by rendering small conversations how a template ends turns and whether it only appends.</summary>
internal static class ChatFormatProber
{
    private const string Thought = "ThoughtOfTheAssistant";
    private const string OtherMarker = "AnotherAnswerInItsPlace";

    private static readonly ChatMessage Question = ChatMessage.User("Next question");
    private static readonly ChatMessage Result = ChatMessage.Tool("call_0", "tool", "Result");
    private static readonly FunctionSchema[] NoTools = [];
    private static readonly FunctionSchema[] SomeTools = [new("tool", "A tool.", JsonElement.Parse("""{"type":"object","properties":{"text":{"type":"string"}}}"""))];

    /// <exception cref="TokenizerException">What messages add to a conversation cannot be computed.</exception>
    public static ChatFormatProbe Probe(ChatTemplate template, TemplateDelta delta)
    {
        DeltaText user = delta.Render([Question], NoTools);
        string? toolRefusal = Try(() => delta.Render([Result], SomeTools), out DeltaText? tool);
        (string endOfTurn, string glue) = FindEndOfTurn(template, delta, user);
        bool ignoresContent = IsSame(user, delta.Render([Question], NoTools, OtherMarker))
            && (tool is null || (IsSame(tool, delta.Render([Result], SomeTools, OtherMarker)) && IsSameLater(delta, tool)));
        return new ChatFormatProbe(
            endOfTurn,
            glue,
            FindEndsOfTurn(delta, endOfTurn, user, tool),
            user.GenerationPrompt,
            OpensAnswer(template),
            Appends(template, TemplateDelta.Base([]), Question, NoTools),
            tool is not null && (Appends(template, TemplateDelta.Base([Result]), Result, SomeTools)
                || Appends(template, TemplateDelta.Base([Result], reasoning: Thought), Result, SomeTools)),
            KeepsReasoning(template),
            ignoresContent,
            toolRefusal,
            Policy: "append_only");
    }

    /// <summary>
    /// What follows the body of an answer, the same for two bodies, split at its control token: white space that a template puts before it
    /// belongs to the body. Empty where an answer ends with nothing and the next message opens with a control token.
    /// </summary>
    private static (string EndOfTurn, string Glue) FindEndOfTurn(ChatTemplate template, TemplateDelta delta, DeltaText user)
    {
        string tail = user.Tail;
        bool isFixed = user.TailAtEnd == delta.Tail(TemplateDelta.Base([], OtherMarker), NoTools, OtherMarker, out _);
        if (isFixed && tail.Length == 0 && delta.FirstControlToken(user.Messages) is { Start: 0 })
            return ("", "");
        if (isFixed && delta.FirstControlToken(tail) is { } token && string.IsNullOrWhiteSpace(tail[..token.Start]))
            return (tail[token.Start..token.End], tail[token.End..]);
        throw new TokenizerException(
            $"Chat template '{template.Name}' ends an assistant turn with '{tail}', which does not begin with one of the tokenizer's control tokens.");
    }

    /// <summary>
    /// The control tokens that a model ends its turn with, after an answer and after tool calls: those of a turn that nothing follows. What
    /// stands in their place once a message follows (gpt-oss: &lt;|end|&gt;) may stand within a turn too.
    /// </summary>
    private static IReadOnlyList<string> FindEndsOfTurn(TemplateDelta delta, string endOfTurn, DeltaText user, DeltaText? tool)
    {
        if (endOfTurn.Length == 0)
            return [.. new[] { user.Messages, tool?.Messages }.Select(text => ControlTokens(delta, text).FirstOrDefault()).OfType<string>().Distinct()];

        // After one call some templates (DeepSeek-V3) forget the end of the turn; after two they have it.
        string? afterCalls = tool?.TailAtEnd;
        if (Try(() => delta.Tail(TemplateDelta.Base([Result, Result with { ToolCallId = "call_1" }]), SomeTools, TemplateDelta.DefaultMarker, out _), out string? two) is null)
            afterCalls = two;
        string?[] ends = [ControlTokens(delta, user.TailAtEnd).FirstOrDefault(), ControlTokens(delta, afterCalls).LastOrDefault()];
        return [.. ends.OfType<string>().Distinct()];
    }

    private static IEnumerable<string> ControlTokens(TemplateDelta delta, string? text)
    {
        while (text is not null && delta.FirstControlToken(text) is { } token)
        {
            yield return text[token.Start..token.End];
            text = text[token.End..];
        }
    }

    private static bool IsSame(DeltaText one, DeltaText other) =>
        (one.Tail, one.Messages, one.GenerationPrompt) == (other.Tail, other.Messages, other.GenerationPrompt);

    /// <summary>Whether a second result adds what the first did: DeepSeek's template puts another opening before it.</summary>
    private static bool IsSameLater(TemplateDelta delta, DeltaText tool)
    {
        ChatMessage[] earlier = [.. TemplateDelta.Base([Result], OtherMarker), Result, ChatMessage.Assistant(OtherMarker)];
        return Try(() => delta.RenderBehind(earlier, [Result], SomeTools), out DeltaText? later) is not null || IsSame(tool, later!);
    }

    private static bool OpensAnswer(ChatTemplate template)
    {
        List<ChatMessage> answered = TemplateDelta.Base([]);
        string prompt = template.Render(answered[..1], NoTools, addGenerationPrompt: true);
        return template.Render(answered, NoTools, addGenerationPrompt: false).StartsWith(prompt, StringComparison.Ordinal);
    }

    private static bool KeepsReasoning(ChatTemplate template) =>
        Try(() => template.Render([.. TemplateDelta.Base([], reasoning: Thought), Question], NoTools, addGenerationPrompt: false), out string? text) is null
        && text!.Contains(Thought, StringComparison.Ordinal);

    private static bool Appends(ChatTemplate template, List<ChatMessage> conversation, ChatMessage added, FunctionSchema[] tools) =>
        Try(() => template.Render(conversation, tools, addGenerationPrompt: false), out string? before) is null
        && Try(() => template.Render([.. conversation, added], tools, addGenerationPrompt: false), out string? after) is null
        && after!.StartsWith(before!, StringComparison.Ordinal);

    /// <summary>The message of the refusal, or null where there was none.</summary>
    private static string? Try<T>(Func<T> render, out T? result)
    {
        try
        {
            result = render();
            return null;
        }
        catch (TokenizerException exception)
        {
            result = default;
            return exception.Message;
        }
    }
}
