using System.Text.Json;

namespace AgentRollout.Tokenization;

/// <summary>What tokenizer_config.json adds to tokenizer.json: the names of special tokens, and the chat template of older models.</summary>
/// <param name="BosToken">The begin-of-text token.</param>
/// <param name="EosToken">The end token.</param>
/// <param name="PadToken">The padding token.</param>
/// <param name="ChatTemplates">Templates by name; a single one is called <c>default</c>.</param>
internal sealed record TokenizerConfig(
    string? BosToken, string? EosToken, string? PadToken, IReadOnlyDictionary<string, string> ChatTemplates)
{
    public const string FileName = "tokenizer_config.json";
    public const string DefaultTemplate = "default";

    /// <summary>Reads the file; a directory without it has no special tokens and no template here.</summary>
    /// <exception cref="TokenizerException">The file is damaged.</exception>
    public static TokenizerConfig Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
            return new TokenizerConfig(null, null, null, new Dictionary<string, string>());
        try
        {
            using JsonDocument document = JsonDocument.Parse(ModelFiles.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            return new TokenizerConfig(
                Token(root, "bos_token"), Token(root, "eos_token"), Token(root, "pad_token"), Templates(root));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new TokenizerException($"'{path}' is no valid tokenizer_config.json: {exception.Message}", exception);
        }
    }

    /// <summary>A special token is a string, or an object that describes it.</summary>
    private static string? Token(JsonElement root, string member)
    {
        if (!root.TryGetProperty(member, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content)
            ? content.GetString()
            : value.GetString();
    }

    private static Dictionary<string, string> Templates(JsonElement root)
    {
        Dictionary<string, string> templates = new(StringComparer.Ordinal);
        if (!root.TryGetProperty("chat_template", out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return templates;
        if (value.ValueKind == JsonValueKind.String)
        {
            templates[DefaultTemplate] = value.GetString()!;
            return templates;
        }

        foreach (JsonElement named in value.EnumerateArray())
        {
            if (!named.TryGetProperty("name", out JsonElement name) || !named.TryGetProperty("template", out JsonElement template))
                throw new JsonException($"a chat template lacks its name or text: {named.GetRawText()}");
            templates[name.GetString() ?? ""] = template.GetString() ?? "";
        }

        return templates;
    }
}
