using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Commands;

/// <summary>
/// <c>tokenizer chat</c>: renders conversations with the model's template or with one that the line names, and encodes them. Templates are
/// loaded when a line first needs them, so that a model without one serves where every line names its own.
/// </summary>
internal sealed class ChatLines(string folder)
{
    private readonly Tokenizer _tokenizer = Tokenizer.Load(folder);
    private readonly Dictionary<string, ChatTemplate> _named = new(StringComparer.Ordinal);
    private ChatTemplate? _own;

    public void Convert(JsonElement line, Utf8JsonWriter json)
    {
        Dictionary<string, string> tokens = [];
        foreach (string token in new[] { "bos_token", "eos_token", "unk_token", "pad_token" })
        {
            if (TokenizerCommand.Optional(line, token, JsonValueKind.String) is { } value)
                tokens[token] = value.GetString()!;
        }

        RenderedChat chat = FindTemplate(line).With(tokens, Clock(line)).RenderJson(
            TokenizerCommand.Required(line, "messages", JsonValueKind.Array),
            TokenizerCommand.Optional(line, "tools", JsonValueKind.Array),
            TokenizerCommand.Optional(line, "add_generation_prompt", JsonValueKind.True, JsonValueKind.False)?.GetBoolean(),
            Variables(line));
        bool withSpans = TokenizerCommand.Optional(line, "generation_spans", JsonValueKind.True, JsonValueKind.False)?.GetBoolean() ?? false;
        TokenizedText tokenized = _tokenizer.EncodeWithStarts(chat.Text);
        json.WriteStartObject();
        json.WriteString("rendered", chat.Text);
        TokenizerCommand.WriteIds(json, tokenized.Ids);
        if (withSpans)
            WriteSpans(json, chat, tokenized);
        json.WriteEndObject();
    }

    private ChatTemplate FindTemplate(JsonElement line)
    {
        if (TokenizerCommand.Optional(line, "template", JsonValueKind.String)?.GetString() is not { } path)
            return _own ??= ChatTemplate.Load(folder);
        if (_named.TryGetValue(path, out ChatTemplate? known))
            return known;
        if (!File.Exists(path))
            throw new InvalidDataException($"Template '{path}' does not exist.");
        return _named[path] = ChatTemplate.Parse(File.ReadAllText(path), path, ChatTemplate.SpecialTokensOf(folder));
    }

    /// <summary>Documents and what <c>kwargs</c> and <c>extra</c> hold.</summary>
    private static Dictionary<string, JsonElement> Variables(JsonElement line)
    {
        Dictionary<string, JsonElement> variables = [];
        if (TokenizerCommand.Optional(line, "documents", JsonValueKind.Array) is { } documents)
            variables["documents"] = documents;
        foreach (string member in new[] { "kwargs", "extra" })
        {
            if (TokenizerCommand.Optional(line, member, JsonValueKind.Object) is not { } values)
                continue;
            foreach (JsonProperty value in values.EnumerateObject())
                variables[value.Name] = value.Value;
        }

        return variables;
    }

    private static FixedClock? Clock(JsonElement line)
    {
        if (TokenizerCommand.Optional(line, "now", JsonValueKind.String)?.GetString() is not { } text)
            return null;
        return DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal, out DateTime now)
            ? new FixedClock(now)
            : throw new InvalidDataException($"Member 'now' is '{text}'; it must be an ISO time such as 2026-01-15T12:34:56.");
    }

    /// <summary>Spans count code points, as Python does; the mask has a digit for each id.</summary>
    private static void WriteSpans(Utf8JsonWriter json, RenderedChat chat, TokenizedText tokenized)
    {
        json.WriteStartArray("generation_spans");
        foreach (CharSpan span in chat.Generations)
        {
            json.WriteStartArray();
            json.WriteNumberValue(CodePoints(chat.Text, span.Start));
            json.WriteNumberValue(CodePoints(chat.Text, span.End));
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteString("assistant_mask", string.Concat(tokenized.Mask(chat.Generations)));
    }

    private static int CodePoints(string text, int position)
    {
        int count = 0;
        foreach (Rune _ in text.AsSpan(0, position).EnumerateRunes())
            count++;
        return count;
    }

    /// <summary>A clock that always tells the same time, which is the local time of its place.</summary>
    private sealed class FixedClock(DateTime now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(now, TimeSpan.Zero);
    }
}
