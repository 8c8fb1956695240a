using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>The few calls of the Docker Engine's HTTP API that sandboxes need. Safe to use concurrently.</summary>
internal sealed class DockerClient(DockerEndpoint endpoint) : IDisposable
{
    /// <summary>A busy engine starts containers slowly; one that takes longer than this for one call hangs.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = endpoint.CreateClient();

    public DockerEndpoint Endpoint => endpoint;

    /// <exception cref="DockerException">The engine does not answer.</exception>
    public async Task PingAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, "_ping", null, cancellationToken);
    }

    /// <inheritdoc cref="CreateAsync"/>
    public Task<EngineInfo> InfoAsync(CancellationToken cancellationToken) => GetAsync("info", DockerJson.Default.EngineInfo, cancellationToken);

    /// <summary>Whether the engine has an image.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public async Task<bool> HasImageAsync(string image, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await SendAsync(HttpMethod.Get, $"images/{Uri.EscapeDataString(image)}/json", null, cancellationToken);
            return true;
        }
        catch (DockerException error) when (error.Status == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>Makes a container and returns its id.</summary>
    /// <exception cref="DockerException">The engine refused or does not answer.</exception>
    public async Task<string> CreateAsync(string name, ContainerRequest request, CancellationToken cancellationToken)
    {
        using HttpContent body = JsonContent.Create(request, DockerJson.Default.ContainerRequest);
        // The engine does not read chunked bodies of every client; a length costs nothing.
        await body.LoadIntoBufferAsync(cancellationToken);
        using HttpResponseMessage response =
            await SendAsync(HttpMethod.Post, $"containers/create?name={Uri.EscapeDataString(name)}", body, cancellationToken);
        return (await ReadAsync(response, DockerJson.Default.ContainerCreated, cancellationToken)).Id;
    }

    /// <summary>
    /// Attaches to standard input and output, before the start so that nothing is missed. The connection becomes a stream of both directions.
    /// </summary>
    /// <inheritdoc cref="CreateAsync"/>
    public async Task<Stream> AttachAsync(string container, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.ParseAdd("tcp");
        HttpResponseMessage response = await SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.SwitchingProtocols)
            throw new DockerException(response.StatusCode, $"Docker at '{endpoint}' answered {(int)response.StatusCode} instead of handing over the connection.");
        return await response.Content.ReadAsStreamAsync(cancellationToken);
    }

    /// <inheritdoc cref="CreateAsync"/>
    public async Task StartAsync(string container, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, $"containers/{container}/start", null, cancellationToken);
    }

    /// <summary>Kills a container's processes; one that has ended or is gone is left alone.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public Task KillAsync(string container, CancellationToken cancellationToken) =>
        SendUnlessGoneAsync(HttpMethod.Post, $"containers/{container}/kill?signal=KILL", cancellationToken);

    /// <summary>Kills and removes a container with its volumes, by id or name; one that is gone or being removed is left alone.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public Task RemoveAsync(string container, CancellationToken cancellationToken) =>
        SendUnlessGoneAsync(HttpMethod.Delete, $"containers/{container}?force=1&v=1", cancellationToken);

    /// <summary>All containers, running or not, that carry a label.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public Task<IReadOnlyList<ContainerLine>> ListAsync(string label, CancellationToken cancellationToken)
    {
        Dictionary<string, IReadOnlyList<string>> filters = new() { ["label"] = [label] };
        string query = JsonSerializer.Serialize(filters, DockerJson.Default.IReadOnlyDictionaryStringIReadOnlyListString);
        return GetAsync($"containers/json?all=1&filters={Uri.EscapeDataString(query)}", DockerJson.Default.IReadOnlyListContainerLine, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, path, null, cancellationToken);
        return await ReadAsync(response, type, cancellationToken);
    }

    private async Task SendUnlessGoneAsync(HttpMethod method, string path, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await SendAsync(method, path, null, cancellationToken);
        }
        catch (DockerException error) when (error.Status is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            // It ended by itself in the meantime, which removes it.
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(method, path) { Content = body };
        return await SendAsync(request, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(CallTimeout);
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (Exception error) when (error is HttpRequestException or SocketException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string reason = error is OperationCanceledException ? $"no answer within {CallTimeout.TotalSeconds} s" : error.GetBaseException().Message;
            throw new DockerException($"Docker at '{endpoint}' does not answer: {reason.TrimEnd('.')}.", error);
        }

        if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.SwitchingProtocols)
            return response;
        using (response)
            throw new DockerException(response.StatusCode, await ErrorOfAsync(response, cancellationToken));
    }

    private async Task<string> ErrorOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        string text = await response.Content.ReadAsStringAsync(cancellationToken);
        try
        {
            text = JsonSerializer.Deserialize(text, DockerJson.Default.EngineError)?.Message ?? text;
        }
        catch (JsonException)
        {
            // A proxy in between answers in its own words.
        }

        return $"Docker at '{endpoint}' answered {(int)response.StatusCode}: {text.Trim().TrimEnd('.')}.";
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync(type, cancellationToken) ?? throw new JsonException("null");
        }
        catch (Exception error) when (error is JsonException or HttpRequestException or IOException)
        {
            throw new DockerException($"Docker at '{endpoint}' gave an answer that cannot be read: {error.Message}", error);
        }
    }
}
