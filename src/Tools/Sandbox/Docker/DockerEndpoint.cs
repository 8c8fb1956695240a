using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>Where a Docker Engine listens, and how to reach it.</summary>
public sealed class DockerEndpoint
{
    private const string DefaultHost = "unix:///var/run/docker.sock";
    private const string KnownForms = "known forms: unix:///PATH, tcp://HOST:PORT";

    private readonly Uri _host;
    private readonly string? _certificates;

    /// <param name="host">
    /// <c>unix:///PATH</c> or <c>tcp://HOST:PORT</c>. Default: the environment variable <c>DOCKER_HOST</c>, then <c>/var/run/docker.sock</c>.
    /// </param>
    /// <param name="certificates">
    /// A folder with <c>ca.pem</c>, <c>cert.pem</c> and <c>key.pem</c> for TLS, which TCP needs except to loopback addresses. Default for TCP: the
    /// environment variable <c>DOCKER_CERT_PATH</c>.
    /// </param>
    /// <exception cref="SandboxException">The host is malformed, or is TCP to elsewhere without certificates.</exception>
    public DockerEndpoint(string? host = null, string? certificates = null)
    {
        string text = host ?? Environment.GetEnvironmentVariable("DOCKER_HOST") ?? DefaultHost;
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("unix" or "tcp") || (uri.Scheme == "tcp" && uri.Port < 0))
            throw new SandboxException($"Docker host '{text}' is malformed; {KnownForms}.");
        _host = uri;
        _certificates = uri.Scheme == "unix" ? null : certificates ?? Environment.GetEnvironmentVariable("DOCKER_CERT_PATH");
        if (uri.Scheme == "tcp" && _certificates is null && !uri.IsLoopback)
            throw new SandboxException($"Docker host '{text}' is reached without TLS; name the folder of ca.pem, cert.pem and key.pem in 'docker_cert_path'.");
    }

    /// <summary>Whether the engine may be on another machine, with other folders.</summary>
    public bool IsRemote => _host.Scheme == "tcp";

    /// <summary>The address as it is configured.</summary>
    public override string ToString() => _host.OriginalString;

    /// <summary>A client of its own connection pool; the caller disposes it. Its calls have relative addresses.</summary>
    /// <exception cref="SandboxException">The certificates cannot be read.</exception>
    internal HttpClient CreateClient()
    {
        SocketsHttpHandler handler = new() { UseProxy = false, UseCookies = false, AllowAutoRedirect = false };
        if (_host.Scheme == "unix")
            handler.ConnectCallback = ConnectToSocketAsync;
        else if (_certificates is not null)
            handler.SslOptions = TlsOptions(_certificates);
        string address = _host.Scheme == "unix" ? "http://docker/" : $"{(_certificates is null ? "http" : "https")}://{_host.Authority}/";
        return new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = Timeout.InfiniteTimeSpan };
    }

    private async ValueTask<Stream> ConnectToSocketAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        if (!File.Exists(_host.LocalPath))
            throw new IOException("There is no such socket.");
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_host.LocalPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Both sides show a certificate; the engine's must be signed by the folder's authority and no other.</summary>
    private static SslClientAuthenticationOptions TlsOptions(string folder)
    {
        try
        {
            X509Certificate2 own = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
            X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(Path.Combine(folder, "ca.pem"));
            return new SslClientAuthenticationOptions { ClientCertificates = [own], CertificateChainPolicy = policy };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new SandboxException($"The certificates in '{folder}' cannot be read: {error.Message}", error);
        }
    }
}
