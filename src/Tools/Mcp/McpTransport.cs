using AgentRollout.Tools.Http;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;

namespace AgentRollout.Tools.Mcp;

/// <summary>Makes the way to an MCP server, anew for every start, so that secrets may change.</summary>
internal static class McpTransport
{
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(2);
    private static readonly string[] Inherited = ["PATH", "HOME"];

    /// <exception cref="ToolException">The definition contradicts itself.</exception>
    public static void Check(McpServerDefinition definition)
    {
        if (definition.Command is null == definition.Url is null)
            throw new ToolException("it needs either 'command' or 'url'.");
        if (definition.Command is { } command)
        {
            if (string.IsNullOrWhiteSpace(command))
                throw new ToolException("'command' is empty.");
            if (definition is not { Auth: null, Headers.Count: 0 })
                throw new ToolException("'auth' and 'headers' belong to a server with 'url', not to one with 'command'.");
            foreach (string secret in definition.SecretEnv.Values)
                ToolSecret.Parse(secret);
            return;
        }

        if (definition is not { Args: [], Env.Count: 0, SecretEnv.Count: 0, Cwd: null })
            throw new ToolException("'args', 'env', 'secret_env' and 'cwd' belong to a server with 'command', not to one with 'url'.");
        HttpAddress.Parse("url", definition.Url!);
        if (definition.Headers.Keys.FirstOrDefault(header => !HttpToolAuth.MayBeSet(header)) is { } refused)
            throw new ToolException($"'headers' has '{refused}', which cannot be set.");
        if (definition.Auth is { } auth)
        {
            ToolSecret.Parse(auth.Secret);
            if (auth.FindProblem() is { } problem)
                throw new ToolException(problem);
        }
    }

    /// <exception cref="ToolException">A secret is missing.</exception>
    public static IClientTransport Create(McpServerDefinition definition, ILogger logger) =>
        definition.Command is { } command ? CreateStdio(command, definition, logger) : CreateHttp(definition.Url!, definition);

    private static StdioClientTransport CreateStdio(string command, McpServerDefinition definition, ILogger logger)
    {
        Dictionary<string, string?> environment = [];
        foreach (string variable in Inherited)
            environment[variable] = Environment.GetEnvironmentVariable(variable);
        foreach ((string variable, string value) in definition.Env)
            environment[variable] = value;
        foreach ((string variable, string secret) in definition.SecretEnv)
            environment[variable] = ToolSecret.Parse(secret).Read();
        return new StdioClientTransport(new StdioClientTransportOptions
        {
            Name = definition.Name,
            Command = command,
            Arguments = [.. definition.Args],
            WorkingDirectory = definition.Cwd,
            InheritEnvironmentVariables = false,
            EnvironmentVariables = environment,
            ShutdownTimeout = ShutdownTimeout,
            StandardErrorLines = line => Log.McpServerSaid(logger, definition.Name, line),
        });
    }

    private static HttpClientTransport CreateHttp(string url, McpServerDefinition definition)
    {
        // A redirect could lead the secret to another server.
        HttpMessageHandler handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        if (definition.Auth is { } auth)
            handler = new AuthHandler(auth, handler);
        HttpClientTransportOptions transport = new()
        {
            Name = definition.Name,
            Endpoint = HttpAddress.Parse("url", url),
            TransportMode = HttpTransportMode.AutoDetect,
            ConnectionTimeout = TimeSpan.FromSeconds(definition.StartTimeoutSeconds),
            AdditionalHeaders = definition.Headers.ToDictionary(),
        };
        return new HttpClientTransport(transport, new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }, ownsHttpClient: true);
    }

    private sealed class AuthHandler(HttpToolAuth auth, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            auth.AddTo(request.Headers);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
