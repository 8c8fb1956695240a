using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentRollout.Tools.Mcp;

/// <summary>One connection to an MCP server, from its start to its end.</summary>
internal sealed class McpSession : IAsyncDisposable
{
    private readonly McpClient _client;
    private readonly Channel<bool> _doubts;
    private long _calls;

    private McpSession(McpClient client, Channel<bool> doubts)
    {
        (_client, _doubts) = (client, doubts);
        client.Completion.ContinueWith(
            _ => doubts.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>One item wherever the tools may have changed or the server may be gone, any number of such events together; ends with the session.</summary>
    public ChannelReader<bool> Doubts => _doubts.Reader;

    public static async Task<McpSession> OpenAsync(McpServerDefinition definition, ILogger logger, CancellationToken cancellationToken)
    {
        var doubts = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        McpClientOptions options = new()
        {
            ClientInfo = new Implementation { Name = "AgentRollout", Version = typeof(McpSession).Assembly.GetName().Version!.ToString(3) },
            InitializationTimeout = TimeSpan.FromSeconds(definition.StartTimeoutSeconds),
            Handlers = new McpClientHandlers
            {
                NotificationHandlers =
                [
                    KeyValuePair.Create<string, Func<JsonRpcNotification, CancellationToken, ValueTask>>(
                        NotificationMethods.ToolListChangedNotification,
                        (_, _) =>
                        {
                            doubts.Writer.TryWrite(true);
                            return ValueTask.CompletedTask;
                        }),
                ],
            },
        };
        IClientTransport transport = McpTransport.Create(definition, logger);
        return new McpSession(await McpClient.CreateAsync(transport, options, loggerFactory: null, cancellationToken), doubts);
    }

    public async Task<IReadOnlyList<McpClientTool>> ListAsync(CancellationToken cancellationToken) =>
        [.. await _client.ListToolsAsync(cancellationToken: cancellationToken)];

    /// <summary>Sends one call. A failure that is no answer of the server raises a doubt.</summary>
    public async Task<CallToolResult> CallAsync(string tool, JsonElement arguments, CancellationToken cancellationToken)
    {
        CallToolRequestParams call = new()
        {
            Name = tool,
            Arguments = arguments.EnumerateObject().ToDictionary(argument => argument.Name, argument => argument.Value),
        };
        // An id of our own, since the client's way of calling tools does not tell the server of every cancellation.
        RequestId id = new($"call-{Interlocked.Increment(ref _calls)}");
        try
        {
            return await _client.SendRequestAsync<CallToolRequestParams, CallToolResult>(
                RequestMethods.ToolsCall, call, McpJsonUtilities.DefaultOptions, id, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = CancelAsync(id);
            throw;
        }
        catch (Exception error) when (error is not McpProtocolException)
        {
            _doubts.Writer.TryWrite(true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _doubts.Writer.TryComplete();
        await _client.DisposeAsync();
    }

    private async Task CancelAsync(RequestId id)
    {
        try
        {
            await _client.SendNotificationAsync(
                NotificationMethods.CancelledNotification, new CancelledNotificationParams { RequestId = id }, McpJsonUtilities.DefaultOptions, CancellationToken.None);
        }
        catch (Exception)
        {
            _doubts.Writer.TryWrite(true);
        }
    }
}
