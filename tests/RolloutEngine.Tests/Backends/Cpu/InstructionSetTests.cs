using System.Diagnostics;
using AgentRollout.RolloutEngine.Tests.Local;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Backends.Cpu;

/// <summary>The oracle's tests in processes that lack instructions, as other machines do: what is compiled there differs, the bits do not.</summary>
public sealed class InstructionSetTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task The_oracle_is_met_without_instructions_that_this_machine_may_have(string switchedOff)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            ArgumentList = { typeof(InstructionSetTests).Assembly.Location, "--filter-class", typeof(ReferenceTests).FullName!, "--no-progress" },
            Environment = { [switchedOff] = "0" },
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("failed: 0", output);
    }
}
