using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>JSON of SGLang's protocol, read as leniently as there.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(TokenListsConverter)])]
[JsonSerializable(typeof(GenerateBody))]
[JsonSerializable(typeof(ControlBody))]
[JsonSerializable(typeof(SglangError))]
internal sealed partial class SglangJson : JsonSerializerContext
{
    /// <summary>Reads a body; an empty one, and null, have no members.</summary>
    /// <exception cref="InvalidInputException">It is something else than an object of these.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : new()
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (body.Length == 0)
            return new T();
        ReadOnlySpan<byte> utf8 = body.GetBuffer().AsSpan(0, (int)body.Length);
        UnicodeJson.Check(utf8, "The body");
        try
        {
            return JsonSerializer.Deserialize(utf8, type) ?? new T();
        }
        catch (JsonException exception)
        {
            string member = exception.Path is { Length: > 2 } path ? $"'{path[2..]}'" : "The body";
            throw DialectValues.Invalid($"{member} has a type or value that cannot be read there.");
        }
    }
}
