using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AgentRollout.Gateway.Dialects;

/// <summary>Writes a stream of JSON objects as server-sent events. Nothing is sent before the first one, so that what is refused still gets its status code.</summary>
internal sealed class ServerSentEvents(HttpResponse response)
{
    /// <summary>Sends an event without a name and lets it go out at once.</summary>
    public async Task SendAsync<T>(T value, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        Write(name: null, JsonSerializer.SerializeToUtf8Bytes(value, type));
        await response.BodyWriter.FlushAsync(cancellationToken);
    }

    /// <summary>Sends an event with a name.</summary>
    public async Task SendAsync<T>(string name, T value, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        Write(name, JsonSerializer.SerializeToUtf8Bytes(value, type));
        await response.BodyWriter.FlushAsync(cancellationToken);
    }

    /// <summary>Sends the word with which OpenAI's streams end.</summary>
    public async Task SendDoneAsync(CancellationToken cancellationToken)
    {
        Write(name: null, "[DONE]"u8);
        await response.BodyWriter.FlushAsync(cancellationToken);
    }

    private void Write(string? name, ReadOnlySpan<byte> data)
    {
        if (!response.HasStarted)
        {
            response.ContentType = "text/event-stream";
            response.Headers.CacheControl = "no-cache";
            // Proxies must not gather what is meant to be seen at once.
            response.Headers["X-Accel-Buffering"] = "no";
        }

        PipeWriter writer = response.BodyWriter;
        if (name is not null)
        {
            writer.Write("event: "u8);
            writer.Write(Encoding.UTF8.GetBytes(name));
            writer.Write("\n"u8);
        }

        writer.Write("data: "u8);
        writer.Write(data);
        writer.Write("\n\n"u8);
    }
}
