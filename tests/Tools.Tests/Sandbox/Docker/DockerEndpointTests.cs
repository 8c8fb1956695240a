using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Docker;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

public sealed class DockerEndpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-tls-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("http://x:1", "is malformed; known forms: unix:///PATH, tcp://HOST:PORT.")]
    [InlineData("tcp://x", "is malformed; known forms: unix:///PATH, tcp://HOST:PORT.")]
    [InlineData("tcp://docker.example:2376", "is reached without TLS")]
    public void Hosts_that_cannot_be_used_are_refused(string host, string reason) =>
        Assert.Contains($"Docker host '{host}' {reason}", Assert.Throws<SandboxException>(() => new DockerEndpoint(host)).Message, StringComparison.Ordinal);

    [Fact]
    public void Certificates_that_are_not_there_are_refused()
    {
        SandboxException error = Assert.Throws<SandboxException>(() => new DockerClient(new DockerEndpoint("tcp://localhost:1", _folder)));
        Assert.StartsWith($"The certificates in '{_folder}' cannot be read:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_TLS_both_sides_show_certificates_of_one_authority()
    {
        using X509Certificate2 authority = Certificate("authority", issuer: null);
        using X509Certificate2 server = Certificate("localhost", authority);
        using X509Certificate2 client = Certificate("client", authority);
        Write("ca.pem", authority.ExportCertificatePem());
        Write("cert.pem", client.ExportCertificatePem());
        Write("key.pem", client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using TcpListener listener = Listen();
        Task<string?> serving = ServeOneAsync(listener, server);
        using DockerClient docker = new(new DockerEndpoint($"tcp://localhost:{Port(listener)}", _folder));

        await docker.PingAsync(default);

        Assert.Equal(client.Thumbprint, await serving);
    }

    [Fact]
    public async Task An_engine_of_another_authority_is_not_talked_to()
    {
        using X509Certificate2 authority = Certificate("authority", issuer: null);
        using X509Certificate2 other = Certificate("other", issuer: null);
        using X509Certificate2 server = Certificate("localhost", other);
        using X509Certificate2 client = Certificate("client", authority);
        Write("ca.pem", authority.ExportCertificatePem());
        Write("cert.pem", client.ExportCertificatePem());
        Write("key.pem", client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using TcpListener listener = Listen();
        Task<string?> serving = ServeOneAsync(listener, server);
        using DockerClient docker = new(new DockerEndpoint($"tcp://localhost:{Port(listener)}", _folder));

        DockerException error = await Assert.ThrowsAsync<DockerException>(() => docker.PingAsync(default));

        Assert.Contains("certificate", error.Message, StringComparison.Ordinal);
        await Record.ExceptionAsync(() => serving);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);

    private static TcpListener Listen()
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Answers one request, and returns the thumbprint of the certificate that the client showed.</summary>
    private static async Task<string?> ServeOneAsync(TcpListener listener, X509Certificate2 certificate)
    {
        using TcpClient connection = await listener.AcceptTcpClientAsync();
        await using SslStream tls = new(connection.GetStream());
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = certificate, ClientCertificateRequired = true, RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
        });
        byte[] request = new byte[4_096];
        await tls.ReadAtLeastAsync(request, 1, throwOnEndOfStream: false);
        await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"u8.ToArray());
        return tls.RemoteCertificate?.GetCertHashString();
    }

    private static X509Certificate2 Certificate(string name, X509Certificate2? issuer)
    {
        using RSA key = RSA.Create(2_048);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(issuer is null, false, 0, true));
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset from = DateTimeOffset.UtcNow.AddMinutes(-5), to = DateTimeOffset.UtcNow.AddHours(1);
        if (issuer is null)
            return request.CreateSelfSigned(from, to);
        using X509Certificate2 signed = request.Create(issuer, issuer.NotBefore, issuer.NotAfter, RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 own = signed.CopyWithPrivateKey(key);
        // The platform's TLS takes keys that were loaded, not those in the making.
        return X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
