using System.Net;
using System.Security.Cryptography;
using System.Text;
using AgentRollout.Gateway.Capture;
using AgentRollout.Gateway.Errors;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AgentRollout.Gateway.Access;

/// <summary>
/// Lets a request in or refuses it: the Host header must be an allowed one (DNS rebinding), a browser's request must come from the server's
/// own origin, and where API keys are configured one must be presented. Guards REST and SignalR alike.
/// </summary>
internal sealed class AccessMiddleware(RequestDelegate next, GatewayOptions options, ILogger<AccessMiddleware> logger)
{
    private readonly HashSet<string> _hosts = AllowedHosts(options);
    private readonly byte[][] _keys = [.. options.ApiKeys.Select(key => Convert.FromHexString(key.Sha256))];

    public Task InvokeAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (!_hosts.Contains(request.Host.Host) && !IsOwnAddress(context))
        {
            return RefuseAsync(
                context,
                StatusCodes.Status400BadRequest,
                ProblemCodes.HostNotAllowed,
                $"Host '{request.Host}' is not allowed; allowed hosts: {string.Join(", ", _hosts.Order(StringComparer.Ordinal))}.");
        }

        if (!IsSameOrigin(request))
        {
            return RefuseAsync(
                context,
                StatusCodes.Status403Forbidden,
                ProblemCodes.CrossOrigin,
                $"Origin '{request.Headers.Origin}' is not this server's; browsers may call it from its own pages only.");
        }

        if (_keys.Length > 0 && !IsOpen(request.Path) && !HasKey(request))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return RefuseAsync(
                context,
                StatusCodes.Status401Unauthorized,
                ProblemCodes.Unauthorized,
                "A valid API key is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'.");
        }

        return next(context);
    }

    private static HashSet<string> AllowedHosts(GatewayOptions options)
    {
        IEnumerable<string> listening = options.Urls.Select(ListenUrl.Parse).Where(url => !url.IsWildcard).Select(url => url.Host);
        return new HashSet<string>([.. options.AllowedHosts, .. listening, "localhost", "127.0.0.1", "[::1]"], StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>An address, unlike a name, cannot be rebound to another machine.</summary>
    private static bool IsOwnAddress(HttpContext context) =>
        IPAddress.TryParse(context.Request.Host.Host, out IPAddress? address)
        && context.Connection.LocalIpAddress is { } local
        && address.Equals(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local);

    /// <summary>Programs send no Origin; browsers do, and say with Sec-Fetch-Site when they do not.</summary>
    private static bool IsSameOrigin(HttpRequest request)
    {
        string? origin = request.Headers.Origin;
        if (!string.IsNullOrEmpty(origin))
            return string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
        return !string.Equals(request.Headers["Sec-Fetch-Site"], "cross-site", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Health; the page, which holds no data and asks for the key itself; and what agents ask of their sessions, each of which has a key of its own.</summary>
    private static bool IsOpen(PathString path) =>
        path == "/" || path.StartsWithSegments("/page") || path.StartsWithSegments("/health") || AgentEndpoints.IsAgents(path);

    private bool HasKey(HttpRequest request)
    {
        byte[] presented = SHA256.HashData(Encoding.UTF8.GetBytes(PresentedKey(request)));
        bool known = false;
        foreach (byte[] key in _keys)
            known |= CryptographicOperations.FixedTimeEquals(presented, key);
        return known;
    }

    /// <summary>Anthropic's clients send a header of their own; SignalR clients in browsers cannot set headers on WebSockets; they pass the key as <c>access_token</c>.</summary>
    public static string PresentedKey(HttpRequest request)
    {
        const string scheme = "Bearer ";
        string header = request.Headers[HeaderNames.Authorization].ToString();
        if (header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            return header[scheme.Length..].Trim();
        if (request.Headers.TryGetValue("x-api-key", out StringValues key))
            return key.ToString();
        return request.Path.StartsWithSegments("/hubs") ? request.Query["access_token"].ToString() : "";
    }

    private Task RefuseAsync(HttpContext context, int status, string code, string reason)
    {
        Log.RequestRefused(logger, context.Request.Method, context.Request.Path, reason);
        return ProblemMapping.AnswerAsync(context, ProblemMapping.Problem(status, code, reason));
    }
}
