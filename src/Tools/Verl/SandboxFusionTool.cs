using System.Text.Json;
using AgentRollout.Tools.Http;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// verl's <c>SandboxFusionTool</c>: runs <c>code</c> on a server of SandboxFusion's protocol and answers with what it printed. As that protocol's
/// clients do, it tries again on 504 only, three times in all. Where verl answers "no stdout here", it says what went wrong.
/// </summary>
internal sealed class SandboxFusionTool : ITool
{
    private const int MaxAttempts = 3;
    private const int MaxAnswerBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <summary>What the server may take beside compiling and running.</summary>
    private static readonly TimeSpan Overhead = TimeSpan.FromSeconds(10);

    private readonly HttpToolClient _client;
    private readonly Uri _url;
    private readonly int _timeout;
    private readonly string _language;
    private readonly int _memory;

    private SandboxFusionTool(VerlSection config, ToolSpec spec, HttpToolClient client)
    {
        Spec = spec with { TaskArguments = VerlTaskArguments.Unused };
        _client = client;
        _url = HttpAddress.Parse("sandbox_fusion_url", config.RequiredText("sandbox_fusion_url"));
        _timeout = config.Integer("default_timeout", 30, 1, 3_600);
        _language = config.Text("default_language") ?? "python";
        _memory = config.Integer("memory_limit_mb", 1_024, 1, 1_048_576);
    }

    /// <inheritdoc/>
    public ToolSpec Spec { get; }

    public static ITool Create(VerlSection config, ToolSpec spec, HttpToolClient client)
    {
        VerlSchema.Require(spec, "SandboxFusionTool", "code");
        return new LimitedTool(new SandboxFusionTool(config, spec, client), VerlLimits.MostAtOnce(config, standard: 10));
    }

    /// <inheritdoc/>
    public async Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        JsonElement arguments = invocation.Arguments;
        double timeout = arguments.TryGetProperty("timeout", out JsonElement wanted) && wanted.TryGetDouble(out double seconds) && seconds is > 0 and <= 3_600
            ? seconds
            : _timeout;
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            compile_timeout = timeout,
            run_timeout = timeout,
            code = Text(arguments, "code") ?? "",
            stdin = (string?)null,
            memory_limit_MB = _memory,
            language = Text(arguments, "language") ?? _language,
            files = new Dictionary<string, string>(),
            fetch_files = Array.Empty<string>(),
        });
        using var limit = new CancellationTokenSource((2 * TimeSpan.FromSeconds(timeout)) + Overhead, _client.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return Read(await SendAsync(new HttpCall(HttpMethod.Post, _url, body), either.Token), timeout);
        }
        catch (OperationCanceledException error) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"The sandbox server of tool '{Spec.Name}' did not answer in time.", error);
        }
        catch (HttpRequestException error)
        {
            throw new ToolException($"The sandbox server {HttpToolClient.Name(_url)} cannot be reached: {error.Message}", error);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ToolException($"The sandbox server {HttpToolClient.Name(_url)} answered what is not SandboxFusion's: {error.Message}", error);
        }
    }

    private async Task<JsonElement> SendAsync(HttpCall call, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            HttpAnswer answer = await _client.SendAsync(call, MaxAnswerBytes, cancellationToken);
            if (answer.IsSuccess)
                return JsonSerializer.Deserialize<JsonElement>(answer.Body);
            if (attempt == MaxAttempts || (int)answer.Status != 504)
                throw new ToolException($"The sandbox server {HttpToolClient.Name(_url)} answered {(int)answer.Status}.");
            await Task.Delay(attempt * FirstPause, _client.Time, cancellationToken);
        }
    }

    private static string Read(JsonElement answer, double timeout)
    {
        if (Text(answer, "status") == "SandboxError")
            throw new ToolException($"The sandbox failed: {Text(answer, "message")}");
        JsonElement run = answer.TryGetProperty("run_result", out JsonElement result) && result.ValueKind == JsonValueKind.Object
            ? result
            : answer.GetProperty("compile_result");
        string output = Text(run, "stdout") + Text(run, "stderr");
        return Text(run, "status") == "TimeLimitExceeded" ? $"{output}\nThe code did not end within {timeout} s and was stopped.".TrimStart() : output;
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
