using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentRollout.Testing;

/// <summary>An HTTP server on a loopback port that answers byte for byte as a test says: in pieces, cut in the middle, or never to the end.</summary>
public sealed class WireServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Func<WireRequest, WireAnswer> _answer;

    public WireServer(Func<WireRequest, WireAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _ = ServeAsync();
    }

    public Uri Url { get; }

    public ConcurrentQueue<WireRequest> Requests { get; } = [];

    /// <summary>Connections whose client has gone before the answer ended.</summary>
    public ConcurrentQueue<WireRequest> Left { get; } = [];

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    /// <summary>The bodies that a path was sent, in order.</summary>
    public IReadOnlyList<string> BodiesOf(string path) => [.. Requests.Where(request => request.Path == path).Select(request => request.Body)];

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                _ = AnswerAsync(await _listener.AcceptTcpClientAsync(_end.Token));
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        CancellationToken end = _end.Token;
        try
        {
            using (client)
            {
                NetworkStream stream = client.GetStream();
                WireRequest request = await ReadAsync(stream, end);
                Requests.Enqueue(request);
                WireAnswer answer = _answer(request);
                await SendAsync(stream, $"HTTP/1.1 {answer.Status} Said\r\nContent-Type: {answer.ContentType}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", end);
                foreach (string piece in answer.Pieces)
                    await SendAsync(stream, $"{Encoding.UTF8.GetByteCount(piece):x}\r\n{piece}\r\n", end);
                if (answer.Ending == WireEnding.Hangs)
                {
                    // Nothing comes from the client but its end.
                    await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, end);
                    Left.Enqueue(request);
                }
                else if (answer.Ending == WireEnding.Whole)
                {
                    await SendAsync(stream, "0\r\n\r\n", end);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away, or the test is over.
        }
    }

    private static async Task SendAsync(NetworkStream stream, string text, CancellationToken end) => await stream.WriteAsync(Encoding.UTF8.GetBytes(text), end);

    private static async Task<WireRequest> ReadAsync(NetworkStream stream, CancellationToken end)
    {
        List<byte> bytes = [];
        byte[] buffer = new byte[4_096];
        int header;
        while ((header = Encoding.Latin1.GetString([.. bytes]).IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
            bytes.AddRange(buffer.AsSpan(0, await ReadSomeAsync()));
        string[] lines = Encoding.Latin1.GetString([.. bytes[..header]]).Split("\r\n");
        Dictionary<string, string> headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
        int length = headers.TryGetValue("Content-Length", out string? value) ? int.Parse(value, System.Globalization.CultureInfo.InvariantCulture) : 0;
        while (bytes.Count < header + 4 + length)
            bytes.AddRange(buffer.AsSpan(0, await ReadSomeAsync()));
        string[] start = lines[0].Split(' ');
        return new WireRequest(start[0], start[1], headers, Encoding.UTF8.GetString([.. bytes[(header + 4)..]]));

        async Task<int> ReadSomeAsync() => await stream.ReadAsync(buffer, end) is > 0 and var count ? count : throw new IOException("The client is gone.");
    }
}

/// <summary>What a client sent.</summary>
/// <param name="Path">With its query.</param>
public sealed record WireRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>What it gets, in pieces of their own.</summary>
public sealed record WireAnswer(int Status, string ContentType, IReadOnlyList<string> Pieces, WireEnding Ending = WireEnding.Whole)
{
    public static WireAnswer Json(string body, int status = 200) => new(status, "application/json", [body]);

    /// <summary>Server-sent events, each a piece of its own.</summary>
    public static WireAnswer Events(IEnumerable<string> data, WireEnding ending = WireEnding.Whole) =>
        new(200, "text/event-stream; charset=utf-8", [.. data.Select(line => $"data: {line}\n\n")], ending);
}

/// <summary>What comes behind the pieces.</summary>
public enum WireEnding
{
    /// <summary>The end of the answer.</summary>
    Whole,

    /// <summary>The connection is closed in the middle.</summary>
    Cut,

    /// <summary>Nothing, until the client goes.</summary>
    Hangs,
}
