using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>The connections to one server. Nothing is tried twice; what breaks is an <see cref="EngineException"/> that says whether the server is lost.</summary>
internal sealed class RemoteClient : IDisposable
{
    /// <summary>Servers on uvicorn close idle connections after 5 s; one that is used again at that moment would look like a lost server.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(2);

    private readonly HttpClient _http;
    private readonly Uri _address;

    public RemoteClient(Uri address, string kind, RemoteEngineOptions options)
    {
        _address = address.AbsoluteUri.EndsWith('/') ? address : new Uri(address.AbsoluteUri + "/");
        Name = options.Name ?? $"{kind} {address.AbsoluteUri.TrimEnd('/')}";
        SocketsHttpHandler handler = new()
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionIdleTimeout = IdleTime,
            // Who leaves a stream closes its connection at once, which is what ends the generation.
            MaxResponseDrainSize = 0,
        };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        if (options.ApiKey is { } key)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>The engine's name in errors.</summary>
    public string Name { get; }

    public void Dispose() => _http.Dispose();

    /// <summary>The answer to a GET; undefined where it is no JSON.</summary>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) =>
        Succeeded(path, await SendAsync(HttpMethod.Get, path, body: null, cancellationToken)).Json;

    /// <summary>The answer to a POST; undefined where it is no JSON.</summary>
    public async Task<JsonElement> PostAsync(string path, Action<Utf8JsonWriter>? writeMembers, CancellationToken cancellationToken) =>
        Succeeded(path, await TryPostAsync(path, writeMembers, cancellationToken)).Json;

    /// <summary>The answer to a GET; null where the server has no such path.</summary>
    public async Task<JsonElement?> FindAsync(string path, CancellationToken cancellationToken)
    {
        RemoteAnswer answer = await SendAsync(HttpMethod.Get, path, body: null, cancellationToken);
        return answer.IsUnknownPath ? null : Succeeded(path, answer).Json;
    }

    /// <summary>The text of an answer to a GET; null where the server has no such path.</summary>
    public async Task<string?> FindTextAsync(string path, CancellationToken cancellationToken)
    {
        RemoteAnswer answer = await SendAsync(HttpMethod.Get, path, body: null, cancellationToken);
        return answer.IsUnknownPath ? null : Succeeded(path, answer).Text;
    }

    /// <summary>The answer to a POST, whatever its status.</summary>
    public Task<RemoteAnswer> TryPostAsync(string path, Action<Utf8JsonWriter>? writeMembers, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, writeMembers is null ? null : Body(writeMembers), cancellationToken);

    /// <summary>An object as the bytes of a body.</summary>
    public static ReadOnlyMemory<byte> Body(Action<Utf8JsonWriter> writeMembers)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            writeMembers(json);
            json.WriteEndObject();
        }

        return bytes.WrittenMemory;
    }

    /// <summary>The pieces of a streamed answer as they come; one that is not streamed is one piece. Leaving closes the connection.</summary>
    /// <exception cref="EngineException">The server refuses, or is lost.</exception>
    public async IAsyncEnumerable<JsonElement> StreamAsync(string path, ReadOnlyMemory<byte> body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await GuardAsync(() => OpenAsync(HttpMethod.Post, path, body, cancellationToken), cancellationToken);
        if (!response.IsSuccessStatusCode || response.Content.Headers.ContentType?.MediaType != "text/event-stream")
        {
            yield return Succeeded(path, await GuardAsync(() => ReadAsync(response, cancellationToken), cancellationToken)).Json;
            yield break;
        }

        await using Stream stream = await GuardAsync(() => response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken);
        await using IAsyncEnumerator<SseItem<JsonElement>> events =
            SseParser.Create(stream, (_, data) => ParsePiece(data)).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await GuardAsync(() => events.MoveNextAsync().AsTask(), cancellationToken))
        {
            if (events.Current.Data.ValueKind != JsonValueKind.Undefined)
                yield return events.Current.Data;
        }
    }

    /// <summary>The engine does not answer as its protocol says.</summary>
    public EngineException Lost(string problem, Exception? cause = null) =>
        cause is null ? new EngineException($"Engine '{Name}' {problem}.") { IsLost = true } : new EngineException($"Engine '{Name}' {problem}.", cause) { IsLost = true };

    /// <summary>The engine does not do what it was asked.</summary>
    /// <param name="status">The server's; those that another server might not give mean that this one is lost.</param>
    /// <param name="problem">Goes behind the engine's name.</param>
    public EngineException Refused(int status, string problem) =>
        new($"Engine '{Name}' {problem}.") { IsLost = status is >= 500 or (int)HttpStatusCode.RequestTimeout or (int)HttpStatusCode.TooManyRequests };

    /// <summary>An answer that is none of an error.</summary>
    private RemoteAnswer Succeeded(string path, RemoteAnswer answer) => answer.Status is >= 200 and < 300
        ? answer
        : throw Refused(answer.Status, $"answers /{path} with status {answer.Status}: {answer.Message()}");

    private Task<RemoteAnswer> SendAsync(HttpMethod method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        using HttpResponseMessage response = await OpenAsync(method, path, body, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }, cancellationToken);

    private async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(method, new Uri(_address, path));
        if (body is { } bytes)
            request.Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private static async Task<RemoteAnswer> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        byte[] bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        return new RemoteAnswer((int)response.StatusCode, bytes);
    }

    /// <summary>A broken connection, and one that was not made in time, are a lost engine; cancelling stays what it is.</summary>
    private async Task<T> GuardAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException or JsonException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Exception cause = exception is OperationCanceledException ? exception.InnerException ?? exception : exception;
            throw Lost(exception is JsonException ? $"sends what is no JSON ({cause.Message.TrimEnd('.')})" : $"is lost ({cause.Message.TrimEnd('.')})", exception);
        }
    }

    private static JsonElement ParsePiece(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
            return default;
        Utf8JsonReader reader = new(data);
        return JsonElement.ParseValue(ref reader);
    }
}
