using System.Diagnostics;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Normalization;

public sealed class InvariantGlobalizationTests
{
    /// <summary>The exit code of a test app whose tests were all skipped.</summary>
    private const int NothingRan = 8;

    [Theory]
    [InlineData("*.NormalizerTests.Nfc_changes_the_characters_that_the_reference_changes")]
    [InlineData("*.TokenizerGoldenTests.Ids_equal_the_reference")]
    public async Task A_process_without_icu_gives_the_same(string tests)
    {
        ProcessStartInfo start = new("dotnet", [typeof(InvariantGlobalizationTests).Assembly.Location, "--filter-method", tests, "--no-progress"])
        {
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1" },
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        if (process.ExitCode == NothingRan)
            SharedFiles.Missing($"All of the tests '{tests}' were skipped: {output}");
        Assert.True(process.ExitCode == 0, output);
    }
}
