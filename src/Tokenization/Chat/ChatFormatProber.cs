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
    public static ChatFormatProbe Probe(Tokenizer tokenizer, ChatTemplate template, TemplateDelta delta)
    {
        (string endOfTurn, string glue) = FindEndOfTurn(tokenizer, template, delta);
        DeltaText user = delta.Render([Question], NoTools);
        string? toolRefusal = Try(() => delta.Render([Result], SomeTools), out DeltaText tool);
        bool ignoresContent = user == delta.Render([Question], NoTools, OtherMarker)
            && (toolRefusal is not null || tool == delta.Render([Result], SomeTools, OtherMarker));
        return new ChatFormatProbe(
            endOfTurn,
            glue,
            user.GenerationPrompt,
            OpensAnswer(template),
            Appends(template, TemplateDelta.Base([]), Question, NoTools),
            toolRefusal is null && (Appends(template, TemplateDelta.Base([Result]), Result, SomeTools)
                || Appends(template, TemplateDelta.Base([Result], reasoning: Thought), Result, SomeTools)),
            KeepsReasoning(template),
            ignoresContent,
            toolRefusal,
            Policy: "append_only");
    }

    /// <summary>What follows the body of an answer, the same for two bodies, split at the control token that it must begin with.</summary>
    private static (string EndOfTurn, string Glue) FindEndOfTurn(Tokenizer tokenizer, ChatTemplate template, TemplateDelta delta)
    {
        string tail = delta.Tail(TemplateDelta.Base([]), NoTools, TemplateDelta.DefaultMarker, out _);
        string other = delta.Tail(TemplateDelta.Base([], OtherMarker), NoTools, OtherMarker, out _);
        int[] ids = tokenizer.Encode(tail);
        if (tail != other || ids.Length == 0 || !tokenizer.IsAdded(ids[0]))
        {
            throw new TokenizerException(
                $"Chat template '{template.Name}' ends an assistant turn with '{tail}', which does not begin with one of the tokenizer's control tokens.");
        }

        string endOfTurn = tokenizer.Decode(ids.AsSpan(0, 1));
        return (endOfTurn, tail[endOfTurn.Length..]);
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
