using System.Net;
using System.Text;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Tests.Dialects;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>Whole rollouts of a server whose engine is another server.</summary>
public sealed class RemoteRolloutTests
{
    [Theory]
    [InlineData("arithmetic", "{}")]
    [InlineData("lookup", """{"temperature": 0.8, "top_p": 0.95}""")]
    public async Task A_rollout_over_a_remote_engine_is_that_of_the_embedded_one_token_for_token(string environment, string sampling)
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway node = await StartAsync(model.Policy);
        using RemoteEngine engine = await ConnectAsync(node);
        await using TestGateway front = await StartAsync(new Policy(model.Policy.Name, engine, model.Policy.Format));

        IReadOnlyList<Trajectory> expected = await PlayAsync(node, environment, sampling), played = await PlayAsync(front, environment, sampling);
        Assert.Equal(expected.Select(trajectory => trajectory.Digest), played.Select(trajectory => trajectory.Digest));
        Assert.Equal(expected.SelectMany(Everything), played.SelectMany(Everything));
        Assert.All(played, trajectory =>
        {
            Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
            Assert.True(trajectory.Audit is { Passes: true, MissingLogprobs: null });
        });
        Assert.Equal(0, model.Engine.Statistics.PagesInUse);
    }

    [Theory]
    [InlineData(RemoteEngineKind.Sglang)]
    [InlineData(RemoteEngineKind.Vllm)]
    public async Task Verifying_with_a_remote_engine_compares_log_probabilities_and_says_that_it_is_another_engine(RemoteEngineKind kind)
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway node = await StartAsync(model.Policy);
        using RemoteEngine engine = await ConnectAsync(node, kind);
        Trajectory trajectory = (await PlayAsync(node, "arithmetic", """{"temperature": 0.9}"""))[0];
        LogprobVerifier verifier = new(engine.Name, (ITokenScorer)engine, model.Policy.Format);

        VerifyResult same = await verifier.VerifyAsync(trajectory);
        Assert.Equal((VerifyOutcome.OtherEngine, null, trajectory.SampledTokens), (same.Outcome, same.LogprobDifferences, same.SampledTokens));
        Assert.Contains($"of {trajectory.SampledTokens} raw log-probabilities {trajectory.SampledTokens} are equal", same.Detail, StringComparison.Ordinal);

        await model.Engine.UpdateWeightsAsync(new WeightUpdate { Path = EngineFixture.SaveOtherWeights() }, CancellationToken.None);
        VerifyResult other = await verifier.VerifyAsync(trajectory);
        LogprobDifference difference = Assert.Single(other.LogprobDifferences!);
        Assert.Equal((VerifyOutcome.OtherEngine, 1L, 0L), (other.Outcome, other.WeightVersion, difference.WeightVersion));
        Assert.True(difference.EqualTokens < difference.Tokens && difference is { MeanAbsolute: > 0, MaxAbsolute: > 0 });

        TrajectorySequence sequence = trajectory.Sequences[0];
        Trajectory unknown = trajectory with { Sequences = [sequence with { Logprobs = new float?[sequence.Logprobs.Length] }] };
        Assert.Contains("none has a raw log-probability", (await verifier.VerifyAsync(unknown)).Detail, StringComparison.Ordinal);
        Trajectory foreign = trajectory with { Model = trajectory.Model with { TokenizerHash = "other" } };
        Assert.Equal(VerifyOutcome.OtherTokenizer, (await verifier.VerifyAsync(foreign)).Outcome);
    }

    [Fact]
    public async Task A_server_with_a_remote_engine_replays_in_the_mode_verify()
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway node = await StartAsync(model.Policy);
        using RemoteEngine engine = await ConnectAsync(node);
        await using TestGateway front = await StartAsync(new Policy(model.Policy.Name, engine, model.Policy.Format));
        Trajectory trajectory = (await PlayAsync(front, "arithmetic", "{}"))[0];
        using HttpResponseMessage begun = await front.Client.PostAsync($"/v1/trajectories/{trajectory.Id}/replay", new StringContent("""{"mode": "verify"}""", Encoding.UTF8, "application/json"));
        string path = begun.Headers.Location!.ToString();
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        JsonElement job;
        while ((job = await front.GetAsync(path)).GetProperty("state").GetString() is "queued" or "running")
            await Task.Delay(10, patience.Token);
        Assert.Equal("other_engine", job.GetProperty("result").GetProperty("verify").GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task A_server_that_is_gone_fails_trajectories_at_the_boundary_of_the_engine()
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway node = await StartAsync(model.Policy);
        using RemoteEngine engine = await ConnectAsync(node);
        await using TestGateway front = await StartAsync(new Policy(model.Policy.Name, engine, model.Policy.Format));
        await node.StopAsync();

        IReadOnlyList<Trajectory> played = await PlayAsync(front, "arithmetic", "{}");
        Assert.All(played, trajectory =>
        {
            Assert.Equal((TrajectoryStatus.Failed, FailureBoundary.Engine), (trajectory.Status, trajectory.Failure!.Boundary));
            Assert.Contains("is lost", trajectory.Failure.Message, StringComparison.Ordinal);
            Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        });
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "temperature": 0.7, "logprobs": LOGPROBS}""", "true", "false")]
    [InlineData("/v1/completions", """{"prompt": "x", "temperature": 0.7, "logprobs": LOGPROBS}""", "1", "null")]
    [InlineData("/generate", """{"text": "x", "sampling_params": {"temperature": 0.7}, "return_logprob": LOGPROBS}""", "true", "false")]
    public async Task A_dialect_asked_for_log_probabilities_that_the_engine_does_not_report_says_so(string path, string body, string with, string without)
    {
        ScriptedEngine engine = new(
            _ => new ScriptedAnswer(5, 6) { Finish = FinishReason.Length, Missing = MissingLogprobs.Raw | MissingLogprobs.Sampling },
            new EngineModel("tiny", ChatStreams.Format.Tokenizer.VocabularySize, 4_096, [ChatStreams.Format.EndOfTurnId], 0));
        await using TestGateway gateway = await StartAsync(new Policy("tiny", engine, ChatStreams.Format));
        using HttpResponseMessage refused = await SendAsync(gateway, path, body, with), answered = await SendAsync(gateway, path, body, without);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("does not report the log-probabilities", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, answered.StatusCode);

        static Task<HttpResponseMessage> SendAsync(TestGateway gateway, string path, string body, string logprobs) =>
            gateway.Client.PostAsync(path, new StringContent(body.Replace("LOGPROBS", logprobs, StringComparison.Ordinal), Encoding.UTF8, "application/json"));
    }

    private static Task<LoadedModel> LoadAsync() => LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);

    private static Task<TestGateway> StartAsync(Policy policy) =>
        TestGateway.StartAsync(policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()));

    private static Task<RemoteEngine> ConnectAsync(TestGateway node, RemoteEngineKind kind = RemoteEngineKind.Sglang) =>
        RemoteEngine.ConnectAsync(kind, node.Client.BaseAddress!, new RemoteEngineOptions(), CancellationToken.None);

    /// <summary>What must not depend on where the engine is.</summary>
    private static IEnumerable<string> Everything(Trajectory trajectory) =>
        [.. trajectory.Sequences.Select(sequence => JsonSerializer.Serialize(sequence, TrajectoryJson.Options)), $"{trajectory.StopReason} {trajectory.Reward} {trajectory.Audit.Template}"];

    private static async Task<IReadOnlyList<Trajectory>> PlayAsync(TestGateway gateway, string environment, string sampling)
    {
        string id = await gateway.AcceptAsync($$"""
            {"environment": "{{environment}}", "task_set": {"offset": 3, "count": 3}, "samples_per_task": 2, "seed": 5, "sampling": {{sampling}}}
            """);
        await gateway.WaitForAsync(id, "completed", "failed");
        JsonElement trajectories = await gateway.GetAsync($"/v1/rollouts/{id}/trajectories");
        return [.. trajectories.EnumerateArray().Select(json => TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json.GetRawText()))).OrderBy(trajectory => trajectory.Id, StringComparer.Ordinal)];
    }
}
