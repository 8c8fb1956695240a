using System.Text.Json;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// What messages add to a conversation, by the model's own template: a stand-in conversation is rendered with and without them, and the
/// rest is what follows the stand-in's last turn. The idea is that of verl's and TRL's suffix by a dummy conversation; here the place is
/// found by a marker in the stand-in's answer, so that a template may rewrite that answer (Qwen3 drops its reasoning) and still be used.
/// </summary>
internal sealed class TemplateDelta(ChatTemplate template)
{
    /// <summary>Plain letters, which no template trims, splits or escapes.</summary>
    public const string DefaultMarker = "StandInAnswerOfTheAssistant";

    /// <summary>The text that <paramref name="added"/> adds after an assistant turn.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages, or what they add cannot be told apart.</exception>
    public DeltaText Render(IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools, string marker = DefaultMarker)
    {
        ChatMessage[] results = [.. added.TakeWhile(message => message.Role == "tool")];
        if (results.Length < 2)
            return Render(Base(results, marker), added, tools, marker);
        try
        {
            return Render(Base(results, marker), added, tools, marker);
        }
        catch (TokenizerException)
        {
            // Some templates (Llama-3.1) refuse several calls in one turn and still render several results.
            return Render(Base(results[..1], marker), added, tools, marker);
        }
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
    public string Tail(IReadOnlyList<ChatMessage> conversation, IReadOnlyList<FunctionSchema> tools, string marker, out int occurrences)
    {
        string text = template.Render(conversation, tools, addGenerationPrompt: false);
        occurrences = text.Split(marker).Length - 1;
        if (occurrences == 0)
            throw Refused("does not render the content of an assistant message");
        return text[(text.LastIndexOf(marker, StringComparison.Ordinal) + marker.Length)..];
    }

    private DeltaText Render(
        List<ChatMessage> conversation, IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools, string marker)
    {
        string tail = Tail(conversation, tools, marker, out int occurrences);
        ChatMessage[] all = [.. conversation, .. added];
        string prompted = AfterTurn(template.Render(all, tools, addGenerationPrompt: true), marker, occurrences, tail);
        string messages = AfterTurn(template.Render(all, tools, addGenerationPrompt: false), marker, occurrences, tail);
        if (!prompted.StartsWith(messages, StringComparison.Ordinal))
            throw Refused("changes earlier messages with add_generation_prompt");
        return new DeltaText(tail, messages, prompted[messages.Length..]);
    }

    private string AfterTurn(string text, string marker, int occurrences, string tail)
    {
        int position = 0;
        for (int i = 0; i < occurrences; i++)
        {
            int found = text.IndexOf(marker, position, StringComparison.Ordinal);
            if (found < 0)
                throw Refused("drops an assistant turn when another message follows it");
            position = found + marker.Length;
        }

        return string.CompareOrdinal(text, position, tail, 0, tail.Length) == 0
            ? text[(position + tail.Length)..]
            : throw Refused("ends an assistant turn in another way when another message follows it");
    }

    private TokenizerException Refused(string what) => new(
        $"Chat template '{template.Name}' {what}, so that what new messages add cannot be computed.");
}

/// <summary>What messages add to a conversation.</summary>
/// <param name="Tail">How the turn before them ends.</param>
/// <param name="Messages">What the messages add, after the glue behind the turn's end.</param>
/// <param name="GenerationPrompt">What opens the next assistant turn.</param>
internal readonly record struct DeltaText(string Tail, string Messages, string GenerationPrompt);
