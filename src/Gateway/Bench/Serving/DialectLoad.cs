using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AgentRollout.Gateway.Commands;

namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>The same request, in the words of one protocol.</summary>
/// <param name="Name">The protocol.</param>
/// <param name="Path">Where it goes.</param>
/// <param name="Body">The request for so many tokens, in a stream or at once.</param>
internal sealed record DialectLoad(string Name, string Path, Func<int, bool, string> Body)
{
    private static readonly byte[] _end = "data: [DONE]\n\n"u8.ToArray();

    /// <summary>A short conversation, and the answer in pieces of one token each.</summary>
    public static DialectLoad OpenAi(string text) => new(
        "openai",
        "/v1/chat/completions",
        (tokens, stream) => new JsonObject
        {
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
            ["max_tokens"] = tokens,
            ["stream"] = stream,
        }.ToJsonString());

    /// <summary>The same tokens as they are; pieces of a stream hold all there is so far, as that server's do by default.</summary>
    public static DialectLoad Sglang(int[] prompt) => new(
        "sglang",
        "/generate",
        (tokens, stream) => new JsonObject
        {
            ["input_ids"] = new JsonArray([.. prompt.Select(id => (JsonNode)id)]),
            ["sampling_params"] = new JsonObject { ["max_new_tokens"] = tokens },
            ["return_logprob"] = true,
            ["stream"] = stream,
        }.ToJsonString());

    /// <summary>The request's bytes.</summary>
    public byte[] BodyFor(int tokens, bool stream) => Encoding.UTF8.GetBytes(Body(tokens, stream));

    /// <summary>Sends a request and reads all of its answer.</summary>
    /// <param name="http">Knows the server.</param>
    /// <param name="body">Of <see cref="BodyFor"/>.</param>
    /// <param name="isStream">Whether it asks for a stream.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CommandException">It is not answered, or not to the end.</exception>
    public async Task SendAsync(HttpClient http, byte[] body, bool isStream, CancellationToken cancellationToken)
    {
        using ByteArrayContent content = new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using HttpRequestMessage request = new(HttpMethod.Post, Path) { Content = content };
        using HttpResponseMessage response = await http.SendAsync(
            request, isStream ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw CommandException.Failure($"{Path} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        if (isStream && !await ReachesEndAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken))
            throw CommandException.Failure($"A stream of {Path} broke off; the figures would say nothing.");
    }

    private static async Task<bool> ReachesEndAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[65_536];
        int kept = 0; // of what was read before, enough for the end to be found across two reads
        for (int count; (count = await stream.ReadAsync(buffer.AsMemory(kept), cancellationToken)) > 0;)
        {
            int all = kept + count;
            kept = Math.Min(all, _end.Length);
            buffer.AsSpan(all - kept, kept).CopyTo(buffer);
        }

        return buffer.AsSpan(0, kept).SequenceEqual(_end);
    }
}
