using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// What messages add to a conversation, by the model's own template: a stand-in conversation is rendered with and without them, and the
/// rest is what follows the stand-in's last turn. The idea is that of verl's and TRL's suffix by a dummy conversation; here the place is
/// found by a marker in the stand-in's answer, so that a template may rewrite that answer (Qwen3 drops its reasoning) and still be used.
/// </summary>
internal sealed class TemplateDelta(ChatTemplate template, Tokenizer tokenizer, IReadOnlySet<int> controlTokens)
{
    /// <summary>Plain letters, which no template trims, splits or escapes.</summary>
    public const string DefaultMarker = "StandInAnswerOfTheAssistant";

    /// <summary>The text that <paramref name="added"/> adds after an assistant turn.</summary>
    /// <param name="added">The messages.</param>
    /// <param name="tools">The tools of the prompt.</param>
    /// <param name="marker">What the stand-in answers.</param>
    /// <param name="onlyMessage">The one added message whose content is told; null for all, -1 for none.</param>
    /// <param name="arguments">Further variables of the template.</param>
    /// <exception cref="TokenizerException">The template refuses the messages, or what they add cannot be told apart.</exception>
    public DeltaText Render(
        IReadOnlyList<ChatMessage> added,
        IReadOnlyList<FunctionSchema> tools,
        string marker = DefaultMarker,
        int? onlyMessage = null,
        IReadOnlyDictionary<string, JsonElement>? arguments = null)
    {
        ChatMessage[] results = [.. added.TakeWhile(message => message.Role == "tool")];
        if (results.Length < 2)
            return Render(Base(results, marker), added, tools, marker, onlyMessage, arguments);
        try
        {
            return Render(Base(results, marker), added, tools, marker, onlyMessage, arguments);
        }
        catch (TokenizerException)
        {
            // Some templates (Llama-3.1) refuse several calls in one turn and still render several results.
            return Render(Base(results[..1], marker), added, tools, marker, onlyMessage, arguments);
        }
    }

    /// <summary>The text that <paramref name="added"/> adds where the stand-in conversation is not the first that was said.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages, or what they add cannot be told apart.</exception>
    public DeltaText RenderBehind(IReadOnlyList<ChatMessage> earlier, IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools)
    {
        ChatMessage[] results = [.. added.TakeWhile(message => message.Role == "tool")];
        return Render([.. earlier, .. Base(results)], added, tools, DefaultMarker, onlyMessage: null);
    }

    /// <summary>The stand-in conversation whose last turn made the calls that the results answer.</summary>
    public static List<ChatMessage> Base(IReadOnlyList<ChatMessage> results, string marker = DefaultMarker, string? reasoning = null)
    {
        JsonElement arguments = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["text"] = marker });
        ToolCall[] calls = [.. results.Select((result, i) => new ToolCall(result.ToolCallId ?? $"call_{i}", result.Name ?? "tool", arguments))];
        return
        [
            ChatMessage.User("Question"),
            ChatMessage.Assistant(marker, calls.Length > 0 ? calls : null) with { ReasoningContent = reasoning },
        ];
    }

    /// <summary>What follows the marker's last place in a rendered stand-in conversation: the rest of the turn and its end.</summary>
    public string Tail(
        IReadOnlyList<ChatMessage> conversation,
        IReadOnlyList<FunctionSchema> tools,
        string marker,
        out int occurrences,
        IReadOnlyDictionary<string, JsonElement>? arguments = null)
    {
        string text = template.Render(conversation, tools, addGenerationPrompt: false, arguments);
        occurrences = text.Split(marker).Length - 1;
        if (occurrences == 0)
            throw Refused("does not render the content of an assistant message");
        return text[(text.LastIndexOf(marker, StringComparison.Ordinal) + marker.Length)..];
    }

    /// <summary>The first control token of a text; null where it has none.</summary>
    public CharSpan? FirstControlToken(string text)
    {
        TokenizedText tokens = tokenizer.EncodeWithStarts(text);
        int first = Array.FindIndex(tokens.Ids, controlTokens.Contains);
        if (first < 0)
            return null;
        return new CharSpan(tokens.Starts[first], first + 1 < tokens.Starts.Length ? tokens.Starts[first + 1] : text.Length);
    }

    private DeltaText Render(
        List<ChatMessage> conversation,
        IReadOnlyList<ChatMessage> added,
        IReadOnlyList<FunctionSchema> tools,
        string marker,
        int? onlyMessage,
        IReadOnlyDictionary<string, JsonElement>? arguments = null)
    {
        string tailAtEnd = Tail(conversation, tools, marker, out int occurrences, arguments);
        ChatMessage[] all = [.. conversation, .. added];
        RenderedChat rendered = template.RenderTrackingOnly(all, tools, addGenerationPrompt: true, onlyMessage < 0 ? onlyMessage : conversation.Count + onlyMessage, arguments);
        int turnRest = AfterMarker(rendered.Text, marker, occurrences);
        string prompted = rendered.Text[turnRest..];
        string tail = prompted.StartsWith(tailAtEnd, StringComparison.Ordinal) ? tailAtEnd : FollowedTail(tailAtEnd, prompted);

        string unprompted = template.Render(all, tools, addGenerationPrompt: false, arguments);
        string messages = unprompted[AfterMarker(unprompted, marker, occurrences)..];
        if (!messages.StartsWith(tail, StringComparison.Ordinal) || !prompted.StartsWith(messages, StringComparison.Ordinal))
            throw Refused("changes earlier messages with add_generation_prompt");
        int start = turnRest + tail.Length;
        CharSpan[] content = [.. rendered.ContentSpans
            .Where(span => span.End > start)
            .Select(span => new CharSpan(Math.Max(span.Start - start, 0), span.End - start))];
        return new DeltaText(tailAtEnd, tail, messages[tail.Length..], prompted[messages.Length..], content);
    }

    private int AfterMarker(string text, string marker, int occurrences)
    {
        int position = 0;
        for (int i = 0; i < occurrences; i++)
        {
            int found = text.IndexOf(marker, position, StringComparison.Ordinal);
            if (found < 0)
                throw Refused("drops an assistant turn when another message follows it");
            position = found + marker.Length;
        }

        return position;
    }

    /// <summary>
    /// How a turn ends when a message follows it, where that is not how it ends a conversation: with another control token in the same
    /// place (gpt-oss writes <c>&lt;|end|&gt;</c> for <c>&lt;|return|&gt;</c>).
    /// </summary>
    private string FollowedTail(string tailAtEnd, string followed)
    {
        if (FirstControlToken(tailAtEnd) is { } last && FirstControlToken(followed) is { } middle
            && last.Start == middle.Start && string.CompareOrdinal(tailAtEnd, 0, followed, 0, last.Start) == 0
            && followed.AsSpan(middle.End).StartsWith(tailAtEnd.AsSpan(last.End)))
            return followed[..(middle.End + tailAtEnd.Length - last.End)];
        throw Refused("ends an assistant turn in another way when another message follows it");
    }

    private TokenizerException Refused(string what) => new(
        $"Chat template '{template.Name}' {what}, so that what new messages add cannot be computed.");
}

/// <summary>What messages add to a conversation.</summary>
/// <param name="TailAtEnd">How the turn before them ends where nothing follows it.</param>
/// <param name="Tail">How it ends before these messages.</param>
/// <param name="Messages">What the messages add, after the glue behind the turn's end.</param>
/// <param name="GenerationPrompt">What opens the next assistant turn.</param>
/// <param name="Content">Which characters of messages and generation prompt together come from the messages.</param>
internal sealed record DeltaText(
    string TailAtEnd, string Tail, string Messages, string GenerationPrompt, IReadOnlyList<CharSpan> Content);
