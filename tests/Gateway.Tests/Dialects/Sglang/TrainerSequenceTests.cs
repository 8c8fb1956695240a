using System.Diagnostics;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects.Sglang;

/// <summary>What trainers send to SGLang servers, from a program that is not ours to change.</summary>
public sealed class TrainerSequenceTests
{
    [Theory]
    [InlineData("slime")]
    [InlineData("slime-colocated")]
    [InlineData("areal")]
    [InlineData("verl")]
    public async Task Requests_of_trainers_are_answered_as_they_read_them(string trainer)
    {
        await using SglangServer server = await SglangServer.StartAsync();
        ProcessStartInfo start = new(
            "/usr/bin/env",
            ["python3", SharedFiles.InRepository("tests", "Services", "trainer-sequences", "sglang.py"), server.Gateway.Client.BaseAddress!.ToString(), SharedFiles.InRepository("models", "tiny-agent"), trainer])
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(process.ExitCode == 0, error);
    }
}
