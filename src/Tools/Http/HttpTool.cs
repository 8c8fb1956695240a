using System.Globalization;
using System.Text.Json;

namespace AgentRollout.Tools.Http;

/// <summary>An HTTP endpoint as a tool: the arguments go out as query or JSON body, the answer or the part that a pointer names comes back as text.</summary>
public sealed class HttpTool : ITool
{
    private const int ShownErrorCharacters = 1_000;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly HttpToolDefinition _definition;
    private readonly HttpToolClient _client;
    private readonly HttpToolRequest _request;
    private readonly JsonPointer? _result;
    private readonly int _attempts;
    private readonly CallSlots? _slots;

    /// <param name="definition">Not changed afterwards.</param>
    /// <param name="client">Shared by all HTTP tools.</param>
    /// <exception cref="ToolException">The definition cannot be used; the message names the member and its value.</exception>
    public HttpTool(HttpToolDefinition definition, HttpToolClient client)
    {
        try
        {
            _request = new HttpToolRequest(definition);
            _result = definition.ResultPointer is { } pointer ? new JsonPointer(pointer) : null;
            if (definition.Auth is { } auth)
            {
                ToolSecret.Parse(auth.Secret);
                if (auth.FindProblem() is { } problem)
                    throw new ToolException(problem);
            }
        }
        catch (ToolException error)
        {
            throw new ToolException($"HTTP tool '{definition.Name}': {error.Message}", error);
        }

        _definition = definition;
        _client = client;
        _attempts = definition.MaxAttempts ?? (definition.Method is HttpToolMethod.Post or HttpToolMethod.Patch ? 1 : 3);
        _slots = definition.MaxConcurrentCalls is { } most ? new CallSlots(most) : null;
        Spec = new ToolSpec(definition.Name, definition.Description, definition.Parameters.Clone());
    }

    /// <inheritdoc/>
    public ToolSpec Spec { get; }

    /// <inheritdoc/>
    public async Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        HttpCall call = _request.Write(invocation, _definition.Auth);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(_definition.TimeoutSeconds), _client.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return Read(_slots is null ? await SendAsync(call, either.Token) : await _slots.RunAsync(() => SendAsync(call, either.Token), either.Token));
        }
        catch (OperationCanceledException error) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            string seconds = _definition.TimeoutSeconds.ToString(CultureInfo.InvariantCulture);
            throw new ToolException($"The server {_request.Server} of tool '{Spec.Name}' did not answer within {seconds} s.", error);
        }
    }

    /// <summary>Method and server, without what may be private in the rest of the address.</summary>
    public override string ToString() => $"{_definition.Method.ToString().ToUpperInvariant()} {_request.Server}";

    private async Task<HttpAnswer> SendAsync(HttpCall call, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            TimeSpan pause = TimeSpan.FromTicks(Math.Min(FirstPause.Ticks << (attempt - 1), LongestPause.Ticks));
            try
            {
                HttpAnswer answer = await _client.SendAsync(call, _definition.MaxResponseBytes, cancellationToken);
                if (answer.IsSuccess)
                    return answer;
                if (attempt == _attempts || !answer.IsTransient)
                    throw new ToolException($"The server {_request.Server} of tool '{Spec.Name}' answered {(int)answer.Status}{After(attempt)}{Shown(answer)}");
                pause = answer.RetryAfter ?? pause;
            }
            catch (HttpRequestException error) when (attempt == _attempts)
            {
                throw new ToolException($"The server {_request.Server} of tool '{Spec.Name}' cannot be reached{After(attempt)}: {error.Message}", error);
            }
            catch (HttpRequestException)
            {
                // Sent once more below.
            }

            await Task.Delay(pause, _client.Time, cancellationToken);
        }
    }

    private string Read(HttpAnswer answer)
    {
        string text = answer.Text() ?? throw new ToolException($"The server {_request.Server} of tool '{Spec.Name}' answered bytes that are no text.");
        if (_result is null)
            return text;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement result = _result.Find(document.RootElement)
                ?? throw new ToolException($"The answer of tool '{Spec.Name}' has nothing at '{_result}'.");
            return result.ValueKind == JsonValueKind.String ? result.GetString()! : result.GetRawText();
        }
        catch (JsonException error)
        {
            throw new ToolException($"The server {_request.Server} of tool '{Spec.Name}' answered what is no JSON.", error);
        }
    }

    private static string After(int attempts) => attempts == 1 ? "" : $" at {attempts} attempts";

    /// <summary>What a server says about an error is often what a model can act on.</summary>
    private static string Shown(HttpAnswer answer) => answer.Text()?.Trim() switch
    {
        null or "" => ".",
        { Length: > ShownErrorCharacters } text => $": {text[..ShownErrorCharacters]}…",
        string text => $": {text}",
    };
}
