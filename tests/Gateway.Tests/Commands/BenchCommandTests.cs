using System.Text.Json;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class BenchCommandTests
{
    private static readonly string Tiny = SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer");

    [Fact]
    public async Task The_tokenizer_is_measured_on_a_text()
    {
        string text = Path.GetTempFileName();
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("hello the user \u00E9\n", 500)));

        CommandResult result = await CommandLineRunner.RunAsync("bench", "tokenizer", "--model", Tiny, "--text", text, "--repeats", "1", "--json");

        File.Delete(text);
        Assert.Equal("", result.Error);
        JsonElement report = JsonElement.Parse(Assert.Single(result.Lines));
        Assert.Equal(18 * 500, report.GetProperty("text_bytes").GetInt32());
        foreach (string figure in new[] { "tokens", "encode_mb_per_s", "decode_mb_per_s", "load_ms", "render_ms" })
            Assert.True(report.GetProperty(figure).GetDouble() > 0, figure);
    }

    [Fact]
    public async Task Without_a_text_the_documentation_of_the_program_is_measured()
    {
        CommandResult result = await CommandLineRunner.RunAsync("bench", "tokenizer", "--model", Tiny, "--repeats", "1");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains(result.Lines, line => line.StartsWith("encode ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("decode", "--batch", "4")]
    [InlineData("prefill")]
    [InlineData("grpo", "--prompts", "2", "--samples", "2", "--prefix", "40", "--new", "8", "--chunk", "32")]
    [InlineData("turns", "--prompts", "1", "--samples", "2", "--prefix", "40", "--new", "8", "--observed", "20", "--turns", "3")]
    public async Task The_engine_is_measured_beside_the_limits_of_the_machine(string scenario, params string[] more)
    {
        CommandResult result = await CommandLineRunner.RunAsync(
            ["bench", "engine", "--scenario", scenario, "--context", "64", "--steps", "3", "--threads", "1", "--json", .. more]);

        Assert.Equal("", result.Error);
        JsonElement report = JsonElement.Parse(Assert.Single(result.Lines));
        Assert.Equal(1, report.GetProperty("threads").GetInt32());
        Assert.NotEqual("", report.GetProperty("path").GetString());
        Assert.InRange(report.GetProperty("share_of_dram").GetDouble(), 0, 10);
        // Whoever else computes while the probe does makes the share of what it found seem larger.
        Assert.InRange(report.GetProperty("share_of_fma").GetDouble(), 1e-4, 10);
        Assert.True(report.GetProperty("tokens_per_second").GetDouble() > 0);
        Assert.Equal(scenario is "grpo" or "turns", report.TryGetProperty("inter_token_gap_ms", out _));
        Assert.True(report.GetProperty("step_ms").GetProperty("median").GetDouble() <= report.GetProperty("step_ms").GetProperty("p99").GetDouble());
    }

    [Fact]
    public async Task The_loop_is_measured_with_and_without_tools_and_beside_a_lock_step_runner()
    {
        CommandResult result = await CommandLineRunner.RunAsync("bench", "loop", "--quick", "--json");

        Assert.Equal("", result.Error);
        JsonElement report = JsonElement.Parse(Assert.Single(result.Lines));
        foreach (string figure in new[] { "turns_per_second_no_tools", "turns_per_second_with_tools", "heavy_tail_ratio", "peak_rss_mb" })
            Assert.True(report.GetProperty(figure).GetDouble() > 0, figure);
        Assert.InRange(report.GetProperty("engine_utilisation").GetDouble(), 1e-4, 1);
        Assert.Equal(["1", "64"], report.GetProperty("overhead_ms").EnumerateObject().Select(load => load.Name));
        foreach (JsonProperty load in report.GetProperty("overhead_ms").EnumerateObject())
            Assert.InRange(load.Value.GetProperty("median").GetDouble(), 1e-3, load.Value.GetProperty("p99").GetDouble());
        Assert.True(report.GetProperty("storage").GetProperty("normal").GetProperty("ratio").GetDouble() > 0);
    }

    [Fact]
    public async Task A_random_load_leaves_no_page_and_no_request_behind()
    {
        CommandResult result = await CommandLineRunner.RunAsync("bench", "soak", "--minutes", "0.25", "--seed", "3", "--clients", "24", "--json");

        JsonElement report = JsonElement.Parse(Assert.Single(result.Lines));
        // This process runs other tests at the same time, which grow it.
        Assert.DoesNotContain(
            report.GetProperty("problems").EnumerateArray(), problem => !problem.GetString()!.StartsWith("The process grew", StringComparison.Ordinal)
                && !problem.GetString()!.StartsWith("The managed heap grew", StringComparison.Ordinal));
        string[] all =
        [
            "completed", "interrupted", "cancelled", "expired", "weight_updates", "memory_releases", "preemptions", "evictions", "prefix_hit_tokens",
            "repeated", "repeated_across_updates",
        ];
        foreach (string happened in all)
            Assert.True(report.GetProperty(happened).GetInt64() > 0, happened);
    }

    [Fact]
    public async Task A_text_that_is_not_there_is_wrong_usage()
    {
        CommandResult result = await CommandLineRunner.RunAsync("bench", "tokenizer", "--model", Tiny, "--text", "absent.txt");

        Assert.Equal(2, result.ExitCode);
        Assert.Equal("Text file 'absent.txt' does not exist.", result.Error.Trim());
    }
}
