namespace AgentRollout.Gateway.Bench;

/// <summary>The loads of <c>bench engine</c> that go through the engine as requests.</summary>
internal static class EngineLoads
{
    private const int ToolResultTokens = 4_000;
    private const int TokensBeforeToolResult = 8;

    /// <summary>Every trajectory plays its turns: samples, is answered, samples again on top of all that. Returns the sampled tokens.</summary>
    public static async Task<long> GroupsAsync(LoadClient client, GroupLoad load)
    {
        long[] sampled = await Task.WhenAll(
            Enumerable.Range(0, load.Prompts * load.Samples).Select(index => TrajectoryAsync(client, load, index / load.Samples, index)));
        return sampled.Sum();
    }

    /// <summary>
    /// A batch decodes <paramref name="steps"/> tokens each; when all are under way, one more trajectory comes back from its tool with a long
    /// result. What the others notice of it is in the client's gaps.
    /// </summary>
    public static async Task<long> MixedAsync(LoadClient client, LoadClient late, int batch, int context, int steps)
    {
        int[] history = late.Tokens(context, salt: batch);
        await late.SampleAsync("late", history, TokensBeforeToolResult, seed: 0);
        Task<List<int>>[] others =
            [.. Enumerable.Range(0, batch).Select(index => client.SampleAsync($"decode-{index}", client.Tokens(context, index), steps, (ulong)index))];
        while (client.FirstTokens.Length < batch)
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        await late.SampleAsync("late", [.. history, .. late.Tokens(ToolResultTokens, batch + 1)], TokensBeforeToolResult, seed: 0);
        return (await Task.WhenAll(others)).Sum(tokens => (long)tokens.Count);
    }

    private static async Task<long> TrajectoryAsync(LoadClient client, GroupLoad load, int prompt, int index)
    {
        List<int> tokens = [.. client.Tokens(load.Prefix, prompt)];
        long sampled = 0;
        for (int turn = 0; turn < load.Turns; turn++)
        {
            if (turn > 0)
                tokens.AddRange(client.Tokens(load.Observed, (index + 1) * load.Turns + turn));
            List<int> answer = await client.SampleAsync($"{index}", tokens, load.New, (ulong)index, $"prompt {prompt}");
            tokens.AddRange(answer);
            sampled += answer.Count;
        }

        return sampled;
    }
}
