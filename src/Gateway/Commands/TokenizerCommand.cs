using System.CommandLine;
using System.Text.Json;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout tokenizer</c>: encodes, decodes and renders lines of JSON. Members that it does not know are ignored.</summary>
internal static class TokenizerCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the tokenizer. Default: the shipped models/tiny-agent.");
        model.Recursive = true;
        return new Command("tokenizer", "Reads lines of JSON from standard input and writes one line for each; exit code 1 if one fails.")
        {
            model,
            Subcommand("encode", """Reads {"text": …, "add_special_tokens": bool} and writes {"ids": […]}.""", folder => Encode(Tokenizer.Load(folder))),
            Subcommand("decode", """Reads {"ids": […], "skip_special_tokens": bool} and writes {"text": …}.""", folder => Decode(Tokenizer.Load(folder))),
            Subcommand(
                "chat",
                """Reads {"messages": […], "tools": […], "add_generation_prompt": bool, "kwargs": {…}} and writes {"rendered": …, "ids": […]}; further members: template (a path), documents, extra, bos_token, eos_token, now, generation_spans.""",
                folder => new ChatLines(folder).Convert),
        };

        Command Subcommand(string name, string description, Func<string, Action<JsonElement, Utf8JsonWriter>> load)
        {
            Command command = new(name, description);
            command.SetAction(async (parsed, cancellationToken) =>
            {
                Action<JsonElement, Utf8JsonWriter> convert = load(ModelFolder.Find(parsed.GetValue(model)));
                int failures = await JsonLines.ConvertAsync(
                    terminal.Input, terminal.Output, convert, exception => exception is TokenizerException, cancellationToken);
                return failures == 0 ? ExitCodes.Success : ExitCodes.Failure;
            });
            return command;
        }
    }

    private static Action<JsonElement, Utf8JsonWriter> Encode(Tokenizer tokenizer) => (line, json) =>
    {
        string text = Text(line, "text");
        int[] ids = Flag(line, "add_special_tokens") ? tokenizer.EncodeWithSpecialTokens(text) : tokenizer.Encode(text);
        json.WriteStartObject();
        WriteIds(json, ids);
        json.WriteEndObject();
    };

    private static Action<JsonElement, Utf8JsonWriter> Decode(Tokenizer tokenizer) => (line, json) =>
    {
        int[] ids = Ids(line);
        if (Array.FindIndex(ids, id => !tokenizer.Contains(id)) is var unknown and >= 0)
            throw new TokenizerException($"Token id {ids[unknown]} is not in the vocabulary, whose ids are below {tokenizer.VocabularySize}.");
        string text = tokenizer.Decode(ids, Flag(line, "skip_special_tokens"));
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteEndObject();
    };

    internal static void WriteIds(Utf8JsonWriter json, int[] ids)
    {
        json.WriteStartArray("ids");
        foreach (int id in ids)
            json.WriteNumberValue(id);
        json.WriteEndArray();
    }

    /// <summary>A switch, which is off where the line does not name it.</summary>
    private static bool Flag(JsonElement line, string member) =>
        Optional(line, member, JsonValueKind.True, JsonValueKind.False)?.GetBoolean() ?? false;

    private static string Text(JsonElement line, string member)
    {
        try
        {
            return Required(line, member, JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new InvalidDataException($"Member '{member}' holds half of a surrogate pair.");
        }
    }

    private static int[] Ids(JsonElement line)
    {
        JsonElement array = Required(line, "ids", JsonValueKind.Array);
        int[] ids = new int[array.GetArrayLength()];
        int index = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out ids[index++]))
                throw new InvalidDataException($"Member 'ids' holds {item.GetRawText()}; ids are integers.");
        }

        return ids;
    }

    internal static JsonElement Required(JsonElement line, string member, JsonValueKind kind) =>
        Optional(line, member, kind) ?? throw new InvalidDataException($"Member '{member}' is missing.");

    internal static JsonElement? Optional(JsonElement line, string member, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (!line.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return kinds.Contains(value.ValueKind)
            ? value
            : throw new InvalidDataException($"Member '{member}' is a JSON {value.ValueKind}; it must be a JSON {kinds[0]}.");
    }
}
