using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentRollout.Tools.Schema;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentRollout.Tools.Mcp;

/// <summary>
/// The tools of an MCP server. Where it ends it is started again with growing pauses, and the catalog follows what it lists. A call is sent once:
/// one that is in flight when the server ends is answered with a failure, one that comes while it starts waits.
/// </summary>
public sealed partial class McpServer : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly McpServerDefinition _definition;
    private readonly string _server;
    private readonly ToolCatalog _catalog;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<McpServer> _logger;
    private readonly CallSlots? _slots;
    private readonly CallRate? _rate;
    private readonly CancellationTokenSource _stopping = new();
    private volatile Task<McpSession> _session;
    private Task _keeping = Task.CompletedTask;

    /// <param name="definition">Not changed afterwards.</param>
    /// <param name="catalog">Where its tools are offered.</param>
    /// <param name="timeProvider">Time of time-outs and pauses.</param>
    /// <param name="logger">Is told of starts and ends, and what a program writes to its standard error.</param>
    /// <param name="owner">Whose its tools are in the catalog; null for the server by its name.</param>
    /// <exception cref="ToolException">The definition cannot be used; the message names the member and its value.</exception>
    public McpServer(McpServerDefinition definition, ToolCatalog catalog, TimeProvider timeProvider, ILogger<McpServer> logger, string? owner = null)
    {
        (_definition, _catalog, _timeProvider, _logger) = (definition, catalog, timeProvider, logger);
        _server = $"MCP server '{definition.Name}'";
        Owner = owner ?? _server;
        try
        {
            McpTransport.Check(definition);
        }
        catch (ToolException error)
        {
            throw new ToolException($"{_server}: {error.Message}", error);
        }

        _slots = definition.MaxConcurrentCalls is { } most ? new CallSlots(most) : null;
        _rate = definition.MaxCallsPerSecond is { } perSecond ? new CallRate(perSecond, timeProvider) : null;
        _session = Task.FromException<McpSession>(new ToolException($"{_server} is not started."));
    }

    /// <summary>Whose its tools are in the catalog.</summary>
    public string Owner { get; }

    /// <summary>Starts the server and offers its tools.</summary>
    /// <exception cref="ToolException">It does not start, or a tool cannot be offered; the message names the server and the cause.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _session = OpenAsync(isFirst: true, cancellationToken);
        await _session;
        _keeping = KeepAsync();
    }

    /// <summary>Starts the server where it can be started now; where not, it is tried again until it can.</summary>
    public async Task StartWhenPossibleAsync(CancellationToken cancellationToken)
    {
        _session = OpenAsync(isFirst: false, cancellationToken);
        await ((Task)_session).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        _keeping = KeepAsync();
    }

    /// <summary>Ends the server and takes its tools away. A trajectory that has them still is answered that they are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _keeping;
        Task<McpSession> last = _session;
        _session = Task.FromException<McpSession>(new ToolException($"{_server} was stopped."));
        if (last.IsCompletedSuccessfully)
            await (await last).DisposeAsync();
        _catalog.Remove(Owner);
        _stopping.Dispose();
    }

    /// <summary>The program, or the address without what may be private in it.</summary>
    public override string ToString() => _definition.Command ?? new Uri(_definition.Url!).GetLeftPart(UriPartial.Authority);

    internal async Task<string> CallAsync(string tool, JsonElement arguments, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(_definition.TimeoutSeconds), _timeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return _slots is null
                ? await SendAsync(tool, arguments, either.Token)
                : await _slots.RunAsync(() => SendAsync(tool, arguments, either.Token), either.Token);
        }
        catch (OperationCanceledException error) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"{_server} did not answer within {Seconds(_definition.TimeoutSeconds)}.", error);
        }
    }

    private async Task<string> SendAsync(string tool, JsonElement arguments, CancellationToken cancellationToken)
    {
        if (_rate is not null)
            await _rate.WaitAsync(cancellationToken);
        McpSession session = await _session.WaitAsync(cancellationToken);
        try
        {
            CallToolResult result = await session.CallAsync(tool, arguments, cancellationToken);
            string text = McpResultText.Write(result);
            return result.IsError == true ? throw new ToolException(text.Length == 0 ? $"{_server} reports an error." : text) : text;
        }
        catch (McpProtocolException error)
        {
            throw new ToolException($"{_server} refused the call: {error.Message}", error);
        }
        catch (Exception error) when (error is not ToolException && !cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"{_server} was lost before it answered; whether the call took effect is unknown.", error);
        }
    }

    /// <summary>Connects and offers the tools.</summary>
    /// <param name="isFirst">Tools that cannot be offered are a failure; later on they are logged and the catalog stays as it is.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    private async Task<McpSession> OpenAsync(bool isFirst, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(_definition.StartTimeoutSeconds), _timeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        McpSession? session = null;
        try
        {
            session = await McpSession.OpenAsync(_definition, _logger, either.Token);
            IReadOnlyList<McpClientTool> listed = await session.ListAsync(either.Token);
            if (isFirst)
                _catalog.Set(Owner, Choose(listed));
            else
                OfferIfPossible(listed);
            Log.McpServerStarted(_logger, _definition.Name, listed.Count);
            return session;
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            if (session is not null)
                await session.DisposeAsync();
            string cause = timeout.IsCancellationRequested ? $"it did not answer within {Seconds(_definition.StartTimeoutSeconds)}." : Cause(error);
            throw new ToolException($"{_server} does not start: {cause}", error);
        }
    }

    /// <summary>Follows the session, and opens another where it ends, until the server is disposed.</summary>
    private async Task KeepAsync()
    {
        TimeSpan pause = TimeSpan.Zero;
        try
        {
            while (true)
            {
                try
                {
                    McpSession session = await _session.WaitAsync(_stopping.Token);
                    long started = _timeProvider.GetTimestamp();
                    await FollowAsync(session);
                    Log.McpServerEnded(_logger, _definition.Name);
                    pause = _timeProvider.GetElapsedTime(started) > LongestPause ? FirstPause : Longer(pause);
                    _session = ReopenAsync(session, pause);
                }
                catch (ToolException error)
                {
                    // Calls are answered with this failure until the next attempt begins.
                    pause = Longer(pause);
                    Log.McpServerNotStarted(_logger, error.Message, pause.TotalSeconds);
                    await Task.Delay(pause, _timeProvider, _stopping.Token);
                    _session = OpenAsync(isFirst: false, _stopping.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            await ((Task)_session).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Lists the tools again wherever there is a doubt about them; returns when the session has ended or the server does not answer.</summary>
    private async Task FollowAsync(McpSession session)
    {
        await foreach (bool _ in session.Doubts.ReadAllAsync(_stopping.Token))
        {
            using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(_definition.StartTimeoutSeconds), _timeProvider);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stopping.Token);
            try
            {
                OfferIfPossible(await session.ListAsync(either.Token));
            }
            catch (Exception) when (!_stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task<McpSession> ReopenAsync(McpSession ended, TimeSpan pause)
    {
        await ended.DisposeAsync();
        await Task.Delay(pause, _timeProvider, _stopping.Token);
        return await OpenAsync(isFirst: false, _stopping.Token);
    }

    private void OfferIfPossible(IReadOnlyList<McpClientTool> listed)
    {
        try
        {
            _catalog.Set(Owner, Choose(listed));
        }
        catch (ToolException error)
        {
            Log.McpToolsNotChanged(_logger, _definition.Name, error.Message);
        }
    }

    private McpTool[] Choose(IReadOnlyList<McpClientTool> listed)
    {
        string[] named = [.. _definition.Tools ?? [], .. _definition.ExcludeTools];
        if (named.FirstOrDefault(name => listed.All(tool => tool.Name != name)) is { } unknown)
            throw new ToolException($"it has no tool '{unknown}'; its tools: {string.Join(", ", listed.Select(tool => tool.Name))}.");
        return
        [
            .. listed
                .Where(tool => (_definition.Tools?.Contains(tool.Name) ?? true) && !_definition.ExcludeTools.Contains(tool.Name))
                .Select(Describe),
        ];
    }

    private McpTool Describe(McpClientTool tool)
    {
        ToolSpec spec = new(_definition.Prefix + Forbidden().Replace(tool.Name, "_"), tool.Description, tool.JsonSchema.Clone());
        try
        {
            _ = JsonSchemaValidator.Compile(spec.Parameters);
        }
        catch (ToolException error)
        {
            Log.McpSchemaNotChecked(_logger, _definition.Name, tool.Name, error.Message);
            spec = spec with { ChecksArguments = true };
        }

        return new McpTool(this, tool.Name, spec);
    }

    /// <summary>What is at the bottom of it, which is what somebody can act on.</summary>
    private static string Cause(Exception error) => error switch
    {
        ClientTransportClosedException { Details: StdioClientCompletionDetails { ExitCode: { } code } details } =>
            $"the program ended with exit code {code}{(details.StandardErrorTail is [.., var last] ? $": {last}" : ".")}",
        _ => error.GetBaseException().Message,
    };

    private static TimeSpan Longer(TimeSpan pause) =>
        pause == TimeSpan.Zero ? FirstPause : pause * 2 < LongestPause ? pause * 2 : LongestPause;

    private static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.###} s");

    [GeneratedRegex("[^A-Za-z0-9_-]")]
    private static partial Regex Forbidden();
}
