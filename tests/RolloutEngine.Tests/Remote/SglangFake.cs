using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Remote.Sglang;
using AgentRollout.Testing;

namespace AgentRollout.RolloutEngine.Tests.Remote;

/// <summary>A server that answers as SGLang's do, with a client of it.</summary>
internal sealed class SglangFake : IDisposable
{
    private SglangFake(WireServer server, SglangEngine engine) => (Server, Engine) = (server, engine);

    public WireServer Server { get; }

    public SglangEngine Engine { get; }

    public static GenerationRequest Request => new() { Id = "traj-17", Tokens = (int[])[5, 6, 7], MaxNewTokens = 8, Seed = 3, StopTokenIds = [9] };

    /// <summary>Answers what a client asks of any server; a test adds its own.</summary>
    public static async Task<SglangFake> StartAsync(Func<WireRequest, WireAnswer?> answer, RemoteEngineOptions? options = null)
    {
        WireServer server = new(request => answer(request) ?? request.Path switch
        {
            "/get_model_info" => WireAnswer.Json("""{"model_path": "org/model", "is_generation": true, "weight_version": "41"}"""),
            "/get_server_info" => WireAnswer.Json("""{"context_length": 64, "version": "0.5.6"}"""),
            "/health" or "/abort_request" => new WireAnswer(200, "text/plain", []),
            _ => WireAnswer.Json("""{"detail": "Not Found"}""", 404),
        });
        options = (options ?? new RemoteEngineOptions()) with { ModelFolder = SharedFiles.InRepository("models", "tiny-agent") };
        return new SglangFake(server, await SglangEngine.ConnectAsync(server.Url, options, CancellationToken.None));
    }

    /// <summary>With these pieces as the answer to <c>/generate</c>.</summary>
    public static Task<SglangFake> StreamingAsync(IEnumerable<string> pieces, WireEnding ending = WireEnding.Whole, RemoteEngineOptions? options = null) =>
        StartAsync(request => request.Path == "/generate" ? WireAnswer.Events(pieces, ending) : null, options);

    /// <summary>A piece of a stream.</summary>
    /// <param name="triples">Of <c>output_token_logprobs</c>.</param>
    /// <param name="total">Tokens by now.</param>
    /// <param name="finish">The finish object.</param>
    /// <param name="more">Other members of <c>meta_info</c>.</param>
    public static string Piece(string triples, int total, string finish = "null", string more = "\"weight_version\": \"41\"") =>
        $$"""{"text": "", "output_ids": [], "meta_info": {"id": "x", "finish_reason": {{finish}}, "prompt_tokens": 3, "completion_tokens": {{total}}, "cached_tokens": 2, "output_token_logprobs": [{{triples}}], "output_token_logprobs_length": {{total}}, {{more}} } }""";

    public async Task<List<TokenChunk>> RunAsync(GenerationRequest? request = null) =>
        await Engine.GenerateAsync(request ?? Request, CancellationToken.None).ToListAsync();

    public void Dispose()
    {
        Engine.Dispose();
        Server.Dispose();
    }
}
