using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace AgentRollout.Tools.Http;

/// <summary>One request of a tool.</summary>
/// <param name="Method">As the server knows it.</param>
/// <param name="Url">http or https.</param>
/// <param name="Json">The body, where there is one.</param>
/// <param name="AddHeaders">Adds the headers of this call, its secret among them.</param>
internal sealed record HttpCall(HttpMethod Method, Uri Url, byte[]? Json, Action<HttpRequestHeaders>? AddHeaders = null);

/// <summary>What a tool's server answered.</summary>
/// <param name="Status">Never a redirect that was followed.</param>
/// <param name="Body">All of it.</param>
/// <param name="Charset">As the server names it, if it does.</param>
/// <param name="RetryAfter">When the server wants to be asked again, if it says so.</param>
internal sealed record HttpAnswer(HttpStatusCode Status, byte[] Body, string? Charset, TimeSpan? RetryAfter)
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>Whether the same call may succeed a little later.</summary>
    public bool IsTransient => (int)Status is 408 or 429 or 500 or 502 or 503 or 504;

    /// <summary>The body as text, or null where it is none.</summary>
    public string? Text()
    {
        try
        {
            ReadOnlySpan<byte> body = Body;
            return EncodingOf(Charset?.Trim('"')).GetString(body.StartsWith(Encoding.UTF8.Preamble) ? body[3..] : body);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static Encoding EncodingOf(string? charset)
    {
        if (charset is null || charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            return Utf8;
        try
        {
            return Encoding.GetEncoding(charset, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        }
        catch (ArgumentException)
        {
            return Utf8;
        }
    }
}
