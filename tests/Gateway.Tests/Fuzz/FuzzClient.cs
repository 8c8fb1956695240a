using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AgentRollout.Gateway.Tests.Fuzz;

/// <summary>Sends requests as no well-behaved client would.</summary>
internal sealed class FuzzClient(HttpClient http)
{
    /// <summary>The status of the answer; null where the client did not wait for one.</summary>
    public async Task<int?> SendAsync(FuzzRequest request, CancellationToken cancellationToken)
    {
        if (request.Way is Delivery.Cut or Delivery.Slow)
            return await SendBytesAsync(request, cancellationToken);
        using HttpRequestMessage message = new(new HttpMethod(request.Method), request.Path);
        if (request.ContentType is { } type)
        {
            message.Content = new ByteArrayContent(request.Body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using HttpResponseMessage response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (request.Way == Delivery.Whole)
            await response.Content.CopyToAsync(Stream.Null, cancellationToken);
        return (int)response.StatusCode;
    }

    private async Task<int?> SendBytesAsync(FuzzRequest request, CancellationToken cancellationToken)
    {
        Uri address = http.BaseAddress!;
        using TcpClient connection = new();
        await connection.ConnectAsync(address.Host, address.Port, cancellationToken);
        NetworkStream stream = connection.GetStream();
        string head = $"{request.Method} {request.Path} HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: {request.ContentType}\r\nContent-Length: {request.Body.Length}\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.Latin1.GetBytes(head), cancellationToken);
        int half = request.Body.Length / 2;
        await stream.WriteAsync(request.Body.AsMemory(0, half), cancellationToken);
        if (request.Way == Delivery.Cut)
            return null;
        await Task.Delay(20, cancellationToken);
        try
        {
            await stream.WriteAsync(request.Body.AsMemory(half), cancellationToken);
            using StreamReader reader = new(stream, Encoding.Latin1);
            string? status = await reader.ReadLineAsync(cancellationToken);
            await reader.ReadToEndAsync(cancellationToken);
            return status is null ? null : int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // The server had seen enough of it.
            return null;
        }
    }
}
