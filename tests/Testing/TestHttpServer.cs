using System.Collections.Concurrent;
using System.Collections.Specialized;
using System.Net;
using System.Text;

namespace AgentRollout.Testing;

/// <summary>A real HTTP server on a loopback port that answers as a test says and keeps what it was asked.</summary>
public sealed class TestHttpServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<TestHttpRequest, TestHttpAnswer> _answer;

    public TestHttpServer(Func<TestHttpRequest, TestHttpAnswer> answer)
    {
        _answer = answer;
        Url = $"http://127.0.0.1:{TestPorts.Free()}";
        _listener.Prefixes.Add($"{Url}/");
        _listener.Start();
        _ = ServeAsync();
    }

    /// <summary>Without a slash at the end.</summary>
    public string Url { get; }

    public ConcurrentQueue<TestHttpRequest> Requests { get; } = [];

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                _ = AnswerAsync(await _listener.GetContextAsync());
        }
        catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            using StreamReader reader = new(context.Request.InputStream, Encoding.UTF8);
            TestHttpRequest request = new(
                context.Request.HttpMethod, context.Request.RawUrl!, context.Request.Headers, await reader.ReadToEndAsync());
            Requests.Enqueue(request);
            TestHttpAnswer answer = _answer(request);
            await Task.Delay(answer.Delay);
            context.Response.StatusCode = answer.Status;
            // A connection that is used again may be closed by the listener while the next request is on its way, and a POST is not sent twice.
            context.Response.KeepAlive = false;
            context.Response.ContentType = answer.ContentType;
            foreach ((string name, string value) in answer.Headers)
                context.Response.Headers[name] = value;
            await context.Response.OutputStream.WriteAsync(answer.Body);
            context.Response.Close();
        }
        catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or IOException)
        {
            // The client went away.
        }
    }
}

/// <summary>What a client sent.</summary>
public sealed record TestHttpRequest(string Method, string PathAndQuery, NameValueCollection Headers, string Body);

/// <summary>What it gets.</summary>
public sealed record TestHttpAnswer(int Status, byte[] Body)
{
    public TestHttpAnswer(int status, string body) : this(status, Encoding.UTF8.GetBytes(body))
    {
    }

    public string ContentType { get; init; } = "application/json";

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public TimeSpan Delay { get; init; }
}
