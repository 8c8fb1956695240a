using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Remote.Sglang;
using AgentRollout.Testing;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static AgentRollout.RolloutEngine.Tests.Remote.SglangFake;

namespace AgentRollout.RolloutEngine.Tests.Remote;

/// <summary>The client against answers as SGLang's servers write them.</summary>
public sealed class SglangEngineTests
{
    private const string Stop = """{"type": "stop", "matched": 9}""";
    private const string One = "[-0.11, 50, null]";
    private const string Two = One + ", [-0.52, 51, null]";
    private const string Three = Two + ", [-0.01, 9, null]";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Pieces_may_hold_all_so_far_or_what_is_new()
    {
        using SglangFake cumulative = await StreamingAsync([Piece(One, 1), Piece(Two, 2), Piece(Three, 3, Stop), "[DONE]"]);
        using SglangFake incremental = await StreamingAsync([Piece(One, 1), Piece("[-0.52, 51, null]", 2), Piece("[-0.01, 9, null]", 3, Stop), "[DONE]"]);
        foreach (SglangFake fake in (SglangFake[])[cumulative, incremental])
        {
            List<TokenChunk> chunks = await fake.RunAsync();
            Assert.Equal([50, 51, 9], chunks.SelectMany(chunk => chunk.Tokens.ToArray()));
            Assert.Equal([-0.11f, -0.52f, -0.01f], chunks.SelectMany(chunk => chunk.Logprobs.ToArray()));
            Assert.All(chunks, chunk => Assert.Equal((41, MissingLogprobs.None, null), (chunk.WeightVersion, chunk.Missing, chunk.SamplingLogprobs)));
            Assert.Equal([null, null, FinishReason.Stop], chunks.Select(chunk => chunk.Finish));
            Assert.Equal((2, null), (chunks[^1].CachedTokens, chunks[^1].Timings));
        }
    }

    [Fact]
    public async Task A_server_is_sent_what_earlier_ones_understand_too()
    {
        using SglangFake fake = await StreamingAsync([Piece(Three, 3, Stop)], options: new RemoteEngineOptions { ApiKey = "secret" });
        await fake.RunAsync(Request with { Sampling = new SamplingParams(Temperature: 0.7f, TopK: 5), Seed = ulong.MaxValue, Priority = 2, CacheKey = "c" });
        await fake.RunAsync(Request with { StopTokenIds = [] });
        JsonElement[] bodies = [.. fake.Server.BodiesOf("/generate").Select(body => JsonElement.Parse(body))];
        Assert.Equal("[5,6,7]", bodies[0].GetProperty("input_ids").GetRawText());
        Assert.Equal(
            ["input_ids", "return_logprob", "rid", "sampling_params", "stream"], bodies[0].EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.StartsWith("traj-17.", bodies[0].GetProperty("rid").GetString(), StringComparison.Ordinal);
        Assert.NotEqual(bodies[0].GetProperty("rid").GetString(), bodies[1].GetProperty("rid").GetString());
        Assert.Equal(
            """{"max_new_tokens":8,"temperature":0.7,"top_p":1,"top_k":5,"sampling_seed":-1,"stop_token_ids":[9],"no_stop_trim":true,"skip_special_tokens":false}""",
            bodies[0].GetProperty("sampling_params").GetRawText());
        Assert.True(bodies[1].GetProperty("sampling_params").GetProperty("ignore_eos").GetBoolean());
        Assert.All(fake.Server.Requests, request => Assert.Equal("Bearer secret", request.Headers["Authorization"]));
    }

    [Theory]
    [InlineData(1f, 1f, MissingLogprobs.None)]
    [InlineData(0f, 1f, MissingLogprobs.None)]
    [InlineData(0.7f, 1f, MissingLogprobs.Raw)]
    [InlineData(1f, 0.9f, MissingLogprobs.Sampling)]
    [InlineData(0.7f, 0.9f, MissingLogprobs.Raw | MissingLogprobs.Sampling)]
    public async Task What_its_log_probabilities_do_not_tell_is_missing(float temperature, float topP, MissingLogprobs missing)
    {
        using SglangFake fake = await StreamingAsync([Piece(Three, 3, Stop)]);
        TokenChunk chunk = Assert.Single(await fake.RunAsync(Request with { Sampling = new SamplingParams(temperature, TopP: topP), ReturnUnfilteredLogprobs = true }));
        Assert.Equal(missing, chunk.Missing);
        float[] reported = [-0.11f, -0.52f, -0.01f], unknown = [float.NaN, float.NaN, float.NaN];
        Assert.Equal(missing.HasFlag(MissingLogprobs.Raw) ? unknown : reported, chunk.Logprobs.ToArray());
        Assert.Equal(
            temperature == 1 && topP == 1 ? null : missing.HasFlag(MissingLogprobs.Sampling) ? unknown : temperature == 0 ? [0, 0, 0] : reported,
            chunk.SamplingLogprobs?.ToArray());
        Assert.Equal(reported, chunk.UnfilteredLogprobs!.Value.ToArray());
    }

    [Fact]
    public async Task A_null_in_a_triple_is_missing_and_not_certain()
    {
        using SglangFake fake = await StreamingAsync([Piece("[null, 50, null]", 1, Stop)]);
        TokenChunk chunk = Assert.Single(await fake.RunAsync());
        Assert.Equal((MissingLogprobs.Raw, true), (chunk.Missing, float.IsNaN(chunk.Logprobs.Span[0])));
    }

    [Fact]
    public async Task An_engine_that_was_closed_is_lost()
    {
        SglangFake fake = await StreamingAsync([Piece(One, 1, Stop)]);
        fake.Dispose();
        Assert.True((await Assert.ThrowsAsync<EngineException>(() => fake.RunAsync())).IsLost);
    }

    [Fact]
    public async Task Tokens_of_several_versions_come_in_chunks_of_one()
    {
        const string Spans = """
            "weight_version": "43", "weight_versions": [{"version": "41", "start": 0, "end": 1}, {"version": "step-7", "start": 1, "end": 2}, {"version": "43", "start": 2, "end": 3}]
            """;
        using SglangFake fake = await StreamingAsync([Piece(One, 1), Piece(Three, 3, Stop, Spans)]);
        List<TokenChunk> chunks = await fake.RunAsync();
        Assert.Equal([(50, 41), (51, VersionLabel.ToVersion("step-7")), (9, 43)], chunks.Select(chunk => (chunk.Tokens.Span[0], chunk.WeightVersion)));
        Assert.Equal(43, fake.Engine.Model.WeightVersion);
    }

    [Fact]
    public void Labels_have_the_same_number_everywhere_and_digits_their_own()
    {
        Assert.Equal((0, 0, 41), (VersionLabel.ToVersion("default"), VersionLabel.ToVersion("0"), VersionLabel.ToVersion("41")));
        long[] others = [.. ((string[])["step-7", "step-8", "", "-1", "1e3", "99999999999999999999"]).Select(VersionLabel.ToVersion)];
        Assert.All(others, version => Assert.InRange(version, VersionLabel.FirstHash, (1L << 53) - 1));
        Assert.Equal(others.Length, others.Distinct().Count());
    }

    [Theory]
    [InlineData("""{"type": "length", "length": 3}""", InterruptPolicy.AutoResume, FinishReason.Length)]
    [InlineData("""{"type": "stop", "matched": "x"}""", InterruptPolicy.AutoResume, FinishReason.Stop)]
    [InlineData("""{"type": "abort", "message": "Aborted"}""", InterruptPolicy.ReturnPartial, FinishReason.Interrupted)]
    public async Task Finish_objects_are_finish_reasons(string finish, InterruptPolicy policy, FinishReason reason)
    {
        using SglangFake fake = await StreamingAsync([Piece(Three, 3, finish)]);
        Assert.Equal(reason, (await fake.RunAsync(Request with { OnInterrupt = policy }))[^1].Finish);
    }

    [Theory]
    [InlineData("""{"type": "abort", "message": "Abort before prefill"}""", true, "Abort before prefill")]
    [InlineData("""{"type": "abort", "message": "The queue is full", "status_code": 503, "err_type": "ServiceUnavailable"}""", true, "status 503")]
    [InlineData("""{"type": "abort", "message": "Input too long", "status_code": 400}""", false, "Input too long")]
    public async Task An_abort_that_nobody_here_wanted_is_an_error_behind_the_tokens(string finish, bool isLost, string part)
    {
        using SglangFake fake = await StreamingAsync([Piece(One, 1), Piece(Two, 2, finish)]);
        List<int> tokens = [];
        EngineException exception = await Assert.ThrowsAsync<EngineException>(async () =>
        {
            await foreach (TokenChunk chunk in fake.Engine.GenerateAsync(Request, CancellationToken.None))
                tokens.AddRange(chunk.Tokens.Span);
        });
        Assert.Equal([50, 51], tokens);
        Assert.Equal(isLost, exception.IsLost);
        Assert.Contains(part, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WireEnding.Cut)]
    [InlineData(WireEnding.Whole)]
    public async Task A_stream_that_breaks_off_is_a_lost_engine_and_its_tokens_stay(WireEnding ending)
    {
        using SglangFake fake = await StreamingAsync([Piece(One, 1)], ending);
        await using IAsyncEnumerator<TokenChunk> chunks = fake.Engine.GenerateAsync(Request, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal([50], chunks.Current.Tokens.ToArray());
        Assert.True((await Assert.ThrowsAsync<EngineException>(async () => await chunks.MoveNextAsync())).IsLost);
        Assert.Single(fake.Server.BodiesOf("/generate"));
    }

    [Theory]
    [InlineData(400, """{"object": "error", "message": "bad top_p", "code": 400}""", false, "bad top_p")]
    [InlineData(400, """{"error": {"message": "bad input"}}""", false, "bad input")]
    [InlineData(422, """{"detail": [{"msg": "field required"}]}""", false, "field required")]
    [InlineData(503, "no capacity", true, "no capacity")]
    [InlineData(500, "", true, "status 500")]
    [InlineData(429, "", true, "status 429")]
    public async Task A_refusal_says_why_and_whether_another_engine_might_do(int status, string body, bool isLost, string part)
    {
        using SglangFake fake = await StartAsync(request => request.Path == "/generate" ? WireAnswer.Json(body, status) : null);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => fake.RunAsync());
        Assert.Equal(isLost, exception.IsLost);
        Assert.Contains(part, exception.Message, StringComparison.Ordinal);
        Assert.Single(fake.Server.BodiesOf("/generate"));
    }

    [Theory]
    [InlineData("""{"error": {"message": "broken", "code": 500}}""", true, "broken")]
    [InlineData("""{"error": {"message": "invalid"}}""", false, "invalid")]
    [InlineData("{", true, "no JSON")]
    [InlineData("""{"text": ""}""", false, "meta_info")]
    [InlineData("""{"meta_info": {"completion_tokens": 2, "output_token_logprobs": [[-1, "x", null]], "finish_reason": null}}""", false, "another type")]
    [InlineData("""{"meta_info": {"completion_tokens": 5, "output_token_logprobs": [[-1, 2, null]], "finish_reason": null}}""", false, "1 entries of 'output_token_logprobs' for 5 tokens")]
    public async Task Errors_in_a_stream_are_errors(string piece, bool isLost, string part)
    {
        using SglangFake fake = await StreamingAsync([Piece(One, 1), piece]);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => fake.RunAsync());
        Assert.Contains(part, exception.Message, StringComparison.Ordinal);
        Assert.Equal(isLost, exception.IsLost);
    }

    [Fact]
    public async Task Where_nobody_listens_the_engine_is_lost()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Uri address = new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        listener.Stop();
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => SglangEngine.ConnectAsync(address, new RemoteEngineOptions { Name = "node 3" }, CancellationToken.None));
        Assert.True(exception.IsLost);
        Assert.Contains("node 3", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_describe_its_model_needs_the_models_folder()
    {
        using SglangFake fake = await StreamingAsync([]);
        Assert.Equal(("tiny-agent", 1_024, 64, 41), (fake.Engine.Model.Name, fake.Engine.Model.VocabularySize, fake.Engine.Model.ContextLength, fake.Engine.Model.WeightVersion));
        Assert.Equal([1_021], fake.Engine.Model.StopTokenIds);
        Assert.False(fake.Engine.IsAgentRollout);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => SglangEngine.ConnectAsync(fake.Server.Url, new RemoteEngineOptions(), CancellationToken.None));
        Assert.Contains("config.json", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_sequences_are_watched_here_and_what_goes_on_there_is_aborted()
    {
        using SglangFake fake = await StreamingAsync([Piece(Two + ", [-1, 60, null], [-1, 61, null]", 4)], WireEnding.Hangs);
        List<TokenChunk> chunks = await fake.RunAsync(Request with { StopSequences = [[51, 60], [60, 61]] });
        Assert.Equal([50, 51, 60], chunks.SelectMany(chunk => chunk.Tokens.ToArray()));
        Assert.Equal(FinishReason.Stop, chunks[^1].Finish);
        await AssertAbortedAsync(fake);
    }

    [Fact]
    public async Task Cancelling_closes_the_connection_and_aborts_by_name()
    {
        using SglangFake fake = await StreamingAsync([Piece(One, 1)], WireEnding.Hangs);
        using CancellationTokenSource cancellation = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (TokenChunk _ in fake.Engine.GenerateAsync(Request, cancellation.Token))
                await cancellation.CancelAsync();
        });
        await AssertAbortedAsync(fake);
    }

    [Fact]
    public async Task A_deadline_gives_what_there_is_and_aborts()
    {
        FakeTimeProvider time = new();
        using SglangFake fake = await StreamingAsync([Piece(Two, 2)], WireEnding.Hangs, new RemoteEngineOptions { Time = time });
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in fake.Engine.GenerateAsync(Request with { Deadline = time.GetUtcNow().AddSeconds(30), Sampling = new SamplingParams(0.5f) }, CancellationToken.None))
        {
            chunks.Add(chunk);
            time.Advance(TimeSpan.FromSeconds(31));
        }

        Assert.Equal([null, FinishReason.Deadline], chunks.Select(chunk => chunk.Finish));
        Assert.Equal([2, 0], chunks.Select(chunk => chunk.Tokens.Length));
        Assert.All(chunks, chunk => Assert.Equal(chunk.Tokens.Length, chunk.SamplingLogprobs!.Value.Length));
        await AssertAbortedAsync(fake);
    }

    [Fact]
    public async Task What_a_lost_engine_sampled_counts_for_stop_sequences_and_the_least_length()
    {
        using SglangFake fake = await StreamingAsync([Piece(Two, 2, Stop)]);
        GenerationRequest request = Request with { SampledBefore = 2, StopSequences = [[6, 7, 50]], Sampling = new SamplingParams { MinNewTokens = 5 } };
        Assert.Equal([50], (await fake.RunAsync(request)).SelectMany(chunk => chunk.Tokens.ToArray()));
        Assert.Equal(3, JsonElement.Parse(fake.Server.BodiesOf("/generate")[0]).GetProperty("sampling_params").GetProperty("min_new_tokens").GetInt32());
    }

    [Fact]
    public async Task Given_tokens_are_scored_without_sampling_any()
    {
        const string Answer = """{"text": "", "output_ids": [], "meta_info": {"finish_reason": {"type": "length", "length": 0}, "completion_tokens": 0, "weight_version": "44", "input_token_logprobs": [[null, 5, null], [-3.2, 6, null], [-0.4, 7, null]], "output_token_logprobs": []}}""";
        using SglangFake fake = await StartAsync(request => request.Path == "/generate" ? WireAnswer.Json(Answer) : null);
        TokenScores scores = await fake.Engine.ScoreAsync((int[])[5, 6, 7], CancellationToken.None);
        Assert.Equal([-3.2f, -0.4f], scores.Logprobs);
        Assert.Equal(44, scores.WeightVersion);
        Assert.Equal("""{"input_ids":[5,6,7],"sampling_params":{"max_new_tokens":0},"return_logprob":true,"logprob_start_len":0}""", Assert.Single(fake.Server.BodiesOf("/generate")));
        Assert.False((await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ScoreAsync((int[])[5, 6], CancellationToken.None))).IsLost);
        await Assert.ThrowsAsync<EngineException>(() => fake.Engine.ScoreAsync((int[])[5_000], CancellationToken.None));
    }

    [Fact]
    public async Task To_start_again_when_interrupted_is_refused()
    {
        using SglangFake fake = await StreamingAsync([]);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => fake.RunAsync(Request with { OnInterrupt = InterruptPolicy.Restart }));
        Assert.False(exception.IsLost);
        Assert.Empty(fake.Server.BodiesOf("/generate"));
    }

    private static async Task AssertAbortedAsync(SglangFake fake)
    {
        using CancellationTokenSource patience = new(_patience);
        while (fake.Server.BodiesOf("/abort_request").Count == 0 || fake.Server.Left.IsEmpty)
            await Task.Delay(5, patience.Token);
        string rid = JsonElement.Parse(Assert.Single(fake.Server.BodiesOf("/generate"))).GetProperty("rid").GetString()!;
        Assert.Equal($$"""{"rid":"{{rid}}"}""", Assert.Single(fake.Server.BodiesOf("/abort_request")));
    }
}
