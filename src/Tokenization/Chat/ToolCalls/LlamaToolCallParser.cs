using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// Llama 3's form: the turn is JSON objects <c>{"name": …, "parameters": {…}}</c>, with semicolons between several, optionally after
/// <c>&lt;|python_tag|&gt;</c>. An object that does not look like a call is an answer that happens to be JSON.
/// </summary>
public sealed class LlamaToolCallParser(Tokenizer tokenizer, IReadOnlyCollection<int> endTokens) : IToolCallParser
{
    public const string PythonTag = "<|python_tag|>";

    public string Name => "llama3_json";

    public ParsedTurn Parse(ReadOnlySpan<int> tokens)
    {
        TurnText turn = new(tokenizer, tokens, endTokens);
        (int Start, int End)? tag = turn.Find(PythonTag, 0);
        int textEnd = tag?.Start ?? 0;
        int position = SkipSpace(turn, tag?.End ?? 0);
        List<ParsedCall> calls = [];
        int callStart = tag?.Start ?? position;
        while (position < turn.Length && ReadCall(turn, callStart, position, isCertain: tag is not null && calls.Count == 0) is { } call)
        {
            calls.Add(call.Call);
            position = SkipSpace(turn, call.End);
            if (position < turn.Length && turn.Bytes[position] == ';')
                position = SkipSpace(turn, position + 1);
            callStart = position;
        }

        if (calls.Count == 0)
            return new ParsedTurn(turn.Text(0, turn.Length), null, []);
        string[] texts = [turn.Text(0, textEnd).Trim(), turn.Text(position, turn.Length).TrimEnd()];
        return new ParsedTurn(string.Join('\n', texts.Where(text => text.Length > 0)), null, calls);
    }

    /// <summary>
    /// The call whose object begins at <paramref name="position"/>, and its end; null where there is none.
    /// <paramref name="isCertain"/>: a marker says that a call stands here, so that anything else is a malformed one.
    /// </summary>
    private static (ParsedCall Call, int End)? ReadCall(TurnText turn, int callStart, int position, bool isCertain)
    {
        if (turn.Bytes[position] == '{' && ObjectEnd(turn.Bytes, position) is int end)
        {
            string text = turn.Text(position, end);
            bool isCall = isCertain || LooksLikeCall(text);
            return isCall ? (ToolCallJson.Read(text, turn.Tokens(callStart, end), "parameters"), end) : null;
        }

        string rest = turn.Text(position, turn.Length);
        if (!isCertain && !BeginsLikeCall(rest))
            return null;
        return (ToolCallJson.Read(rest, turn.Tokens(callStart, turn.Length), "parameters"), turn.Length);
    }

    private static int? ObjectEnd(byte[] bytes, int start)
    {
        Utf8JsonReader reader = new(bytes.AsSpan(start), isFinalBlock: false, default);
        try
        {
            return reader.Read() && reader.TrySkip() ? start + (int)reader.BytesConsumed : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool LooksLikeCall(string text)
    {
        try
        {
            JsonElement value = JsonElement.Parse(text);
            return value.TryGetProperty("name", out _) && (value.TryGetProperty("parameters", out _) || value.EnumerateObject().Count() == 1);
        }
        catch (JsonException)
        {
            return BeginsLikeCall(text);
        }
    }

    /// <summary>A cut or broken object whose first member is <c>name</c> was meant as a call.</summary>
    private static bool BeginsLikeCall(string text) =>
        text.StartsWith('{') && text[1..].TrimStart().StartsWith("\"name\"", StringComparison.Ordinal);

    private static int SkipSpace(TurnText turn, int position)
    {
        while (position < turn.Length && turn.Bytes[position] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            position++;
        return position;
    }
}
