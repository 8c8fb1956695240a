using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Writes JSON straight into a response.</summary>
internal static class SglangResponse
{
    /// <summary>As Python writes texts for machines: what JSON does not require is not escaped.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes an object.</summary>
    public static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> writeMembers) => await WriteValueAsync(context, json =>
    {
        json.WriteStartObject();
        writeMembers(json);
        json.WriteEndObject();
    });

    /// <summary>Writes any value.</summary>
    public static async Task WriteValueAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        context.Response.ContentType = "application/json";
        await using Utf8JsonWriter json = new(context.Response.BodyWriter, Options);
        write(json);
        await json.FlushAsync(context.RequestAborted);
    }
}
