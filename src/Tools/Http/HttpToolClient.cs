using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace AgentRollout.Tools.Http;

/// <summary>
/// Sends the calls of HTTP tools: keeps connections, keeps no cookies, since what one trajectory does must not show in another, bounds what it
/// reads, and follows a redirect only to the server that it comes from.
/// </summary>
public sealed class HttpToolClient : IDisposable
{
    private const int MaxRedirects = 5;
    private const int ReadBytes = 16 * 1024;

    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    /// <param name="time">What pauses and time-outs are measured by.</param>
    public HttpToolClient(TimeProvider? time = null)
    {
        Time = time ?? TimeProvider.System;
        Http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.All,
            // So that a name that moves to another address is noticed.
            PooledConnectionLifetime = ConnectionLifetime,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    internal TimeProvider Time { get; }

    /// <summary>For protocols that have a client of their own; has no time-out.</summary>
    internal HttpClient Http { get; }

    public void Dispose() => Http.Dispose();

    /// <summary>Sends one request and reads the whole answer.</summary>
    /// <exception cref="HttpRequestException">The server cannot be reached, or the connection broke.</exception>
    /// <exception cref="ToolException">The answer is larger than allowed, or a redirect that is not followed.</exception>
    internal async Task<HttpAnswer> SendAsync(HttpCall call, int maxBytes, CancellationToken cancellationToken)
    {
        Uri url = call.Url;
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(call.Method, url);
            call.AddHeaders?.Invoke(request.Headers);
            if (call.Json is { } json)
                request.Content = new ByteArrayContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using HttpResponseMessage response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
            {
                RetryConditionHeaderValue? retry = response.Headers.RetryAfter;
                return new HttpAnswer(
                    response.StatusCode,
                    await ReadAsync(response, maxBytes, cancellationToken),
                    response.Content.Headers.ContentType?.CharSet,
                    retry?.Delta ?? (retry?.Date is { } date && date > Time.GetUtcNow() ? date - Time.GetUtcNow() : null));
            }

            url = Follow(call.Method, response.StatusCode, url, new Uri(url, location));
        }

        throw new ToolException($"The server {Name(call.Url)} redirects more than {MaxRedirects} times.");
    }

    /// <summary>The server part of an address, without what may be private in the rest.</summary>
    internal static string Name(Uri url) => url.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);

    /// <summary>Data and secret of a call stay with the server that the tool names, and no method turns into another.</summary>
    private static Uri Follow(HttpMethod method, HttpStatusCode status, Uri from, Uri to)
    {
        if (Name(from) != Name(to))
            throw new ToolException($"The server {Name(from)} redirects to another, {Name(to)}, which is not followed.");
        if (method != HttpMethod.Get && (int)status is not (307 or 308))
            throw new ToolException($"The server {Name(from)} redirects a {method} with status {(int)status}, which is not followed.");
        return to;
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var body = new ArrayBufferWriter<byte>();
        while (await stream.ReadAsync(body.GetMemory(ReadBytes), cancellationToken) is > 0 and int read)
        {
            body.Advance(read);
            if (body.WrittenCount > maxBytes)
                throw new ToolException($"The answer is larger than {maxBytes} bytes.");
        }

        return body.WrittenSpan.ToArray();
    }
}
