using System.Text;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>A whole answer of a server.</summary>
internal sealed class RemoteAnswer
{
    private const int MaxErrorCharacters = 500;

    private readonly byte[] _bytes;

    /// <param name="status">Of HTTP.</param>
    /// <param name="bytes">The body.</param>
    public RemoteAnswer(int status, byte[] bytes)
    {
        (Status, _bytes) = (status, bytes);
        Json = Parse(bytes);
    }

    public int Status { get; }

    public string Text => Encoding.UTF8.GetString(_bytes);

    /// <summary>Undefined where the body is no JSON.</summary>
    public JsonElement Json { get; }

    /// <summary>Whether the server has no such path, which its framework says, in contrast to a thing that it does not find.</summary>
    public bool IsUnknownPath => Status == 405 || (Status == 404 && Json.Member("error") is null && Json.Member("message") is null);

    /// <summary>What an error says.</summary>
    public string Message() => (MessageOf(Json) ?? Beginning()).TrimEnd('.');

    /// <summary>The message of an error, in the shapes that servers have; null where this is none.</summary>
    public static string? MessageOf(JsonElement json) =>
        json.Member("error") is { } error ? error.Text("message") ?? error.ToString() : json.Text("message") ?? json.Member("detail")?.ToString();

    private string Beginning()
    {
        string text = Encoding.UTF8.GetString(_bytes.AsSpan(0, Math.Min(_bytes.Length, MaxErrorCharacters))).ReplaceLineEndings(" ").Trim();
        return text.Length > 0 ? text : "no reason";
    }

    private static JsonElement Parse(byte[] bytes)
    {
        Utf8JsonReader reader = new(bytes);
        try
        {
            return JsonElement.TryParseValue(ref reader, out JsonElement? value) ? value.Value : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
