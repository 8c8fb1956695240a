using Xunit;

namespace AgentRollout.RolloutEngine.Tests;

/// <summary>What every <see cref="ITokenEngine"/> does, whoever computes the tokens. Derive, and the seam is documented and tested.</summary>
public abstract class TokenEngineContract
{
    /// <summary>Token budget of <see cref="Request"/>; <see cref="Continuation"/> is at least as long.</summary>
    protected const int Budget = 16;

    /// <summary>A running engine.</summary>
    protected abstract ITokenEngine Engine { get; }

    /// <summary>What the engine answers to <see cref="Request"/>, known beforehand.</summary>
    protected abstract IReadOnlyList<int> Continuation { get; }

    protected abstract int[] Prompt { get; }

    /// <summary>Requests that the engine still holds memory for.</summary>
    protected abstract int Held { get; }

    private GenerationRequest Request => new()
    {
        Id = "contract", Tokens = Prompt, MaxNewTokens = Budget, Sampling = new SamplingParams(Temperature: 0),
    };

    [Fact]
    public async Task A_length_stop_gives_as_many_tokens_as_were_asked_for()
    {
        Generation generation = await Engine.RunAsync(Request);
        Assert.Equal(FinishReason.Length, generation.Finish);
        Assert.Equal(Continuation.Take(Budget), generation.Tokens);
    }

    [Fact]
    public async Task A_stop_token_ends_the_generation_and_is_part_of_it()
    {
        int stop = Continuation[5];
        Generation generation = await Engine.RunAsync(Request with { StopTokenIds = [stop] });
        Assert.Equal(FinishReason.Stop, generation.Finish);
        Assert.Equal(Continuation.Take(Continuation.ToList().IndexOf(stop) + 1), generation.Tokens);
    }

    [Fact]
    public async Task Stopping_on_the_last_token_of_the_budget_is_a_stop()
    {
        int stop = Continuation[0];
        Assert.Equal(FinishReason.Stop, (await Engine.RunAsync(Request with { MaxNewTokens = 1, StopTokenIds = [stop] })).Finish);
    }

    [Fact]
    public async Task Only_the_last_chunk_carries_the_finish_reason_and_the_timings()
    {
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in Engine.GenerateAsync(Request, CancellationToken.None))
            chunks.Add(chunk);
        Assert.All(chunks.SkipLast(1), chunk => Assert.True(chunk.Finish is null && chunk.Timings is null && chunk.Tokens.Length > 0));
        Assert.NotNull(chunks[^1].Finish);
        Assert.True(chunks[^1].Timings is { } timings && timings.Queue >= TimeSpan.Zero && timings.Prefill >= TimeSpan.Zero && timings.Decode >= TimeSpan.Zero);
        Assert.All(chunks, chunk => Assert.Equal(Engine.Model.WeightVersion, chunk.WeightVersion));
    }

    [Fact]
    public async Task Log_probabilities_go_with_tokens_and_sampling_ones_only_where_sampling_is_not_raw()
    {
        foreach (SamplingParams sampling in (SamplingParams[])[SamplingParams.Default, new(Temperature: 0), new(TopK: 5)])
        {
            await foreach (TokenChunk chunk in Engine.GenerateAsync(Request with { Sampling = sampling }, CancellationToken.None))
            {
                Assert.Equal(chunk.Tokens.Length, chunk.Logprobs.Length);
                Assert.Equal(sampling.IsRaw ? null : chunk.Tokens.Length, chunk.SamplingLogprobs?.Length);
                Assert.All(chunk.Logprobs.ToArray(), logprob => Assert.InRange(logprob, float.MinValue, 0));
            }
        }
    }

    [Fact]
    public async Task Cancelling_ends_the_enumeration_and_frees_the_sequence()
    {
        using CancellationTokenSource cancellation = new();
        await using IAsyncEnumerator<TokenChunk> chunks = Engine.GenerateAsync(Request, cancellation.Token).GetAsyncEnumerator(CancellationToken.None);
        Assert.True(await chunks.MoveNextAsync());
        int[] yielded = chunks.Current.Tokens.ToArray();
        await cancellation.CancelAsync();
        if (chunks.Current.Finish is null)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await chunks.MoveNextAsync());
        Assert.Equal(Continuation.Take(yielded.Length), yielded);
        await AssertNothingHeldAsync();
    }

    [Fact]
    public async Task A_request_that_is_cancelled_beforehand_does_not_start() =>
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Engine.RunAsync(Request, new CancellationToken(canceled: true)));

    [Fact]
    public async Task Leaving_the_enumeration_early_frees_the_sequence()
    {
        await foreach (TokenChunk _ in Engine.GenerateAsync(Request, CancellationToken.None))
            break;
        await AssertNothingHeldAsync();
    }

    [Fact]
    public async Task Requests_of_many_threads_do_not_mix()
    {
        Generation[] generations = await Task.WhenAll(Enumerable.Range(1, 12).Select(i =>
            Task.Run(() => Engine.RunAsync(Request with { Id = $"{i}", MaxNewTokens = i }))));
        Assert.All(generations.Index(), generation => Assert.Equal(Continuation.Take(generation.Index + 1), generation.Item.Tokens));
    }

    [Fact]
    public async Task Requests_that_cannot_be_honoured_are_refused_with_the_value_and_what_is_allowed()
    {
        EngineModel model = Engine.Model;
        await AssertRefusedAsync(Request with { Tokens = Array.Empty<int>() }, "no tokens");
        await AssertRefusedAsync(Request with { Tokens = (int[])[0, model.VocabularySize] }, $"{model.VocabularySize}", $"{model.VocabularySize - 1}");
        await AssertRefusedAsync(Request with { Tokens = (int[])[-1] }, "-1");
        await AssertRefusedAsync(Request with { MaxNewTokens = 0 }, "0 new tokens", "at least 1");
        await AssertRefusedAsync(
            Request with { MaxNewTokens = model.ContextLength }, $"{Prompt.Length} tokens", $"{model.ContextLength} more", $"context length {model.ContextLength}");
        await AssertRefusedAsync(Request with { MaxNewTokens = int.MaxValue }, $"context length {model.ContextLength}");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(Temperature: -0.5f) }, "temperature -0.5", "0 to 100");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(Temperature: float.NaN) }, "temperature NaN");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(TopK: -1) }, "top_k -1");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(TopP: 0) }, "top_p 0");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(TopP: 1.5f) }, "top_p 1.5");
        await AssertRefusedAsync(Request with { Sampling = new SamplingParams(MinP: 1) }, "min_p 1");
        await AssertNothingHeldAsync();
    }

    private async Task AssertRefusedAsync(GenerationRequest request, params string[] parts)
    {
        string message = (await Assert.ThrowsAsync<EngineException>(() => Engine.RunAsync(request))).Message;
        Assert.All([.. parts, $"'{request.Id}'"], part => Assert.Contains(part, message));
    }

    private async Task AssertNothingHeldAsync()
    {
        for (int i = 0; Held > 0; i++)
        {
            Assert.InRange(i, 0, 5000);
            await Task.Delay(1);
        }
    }
}
