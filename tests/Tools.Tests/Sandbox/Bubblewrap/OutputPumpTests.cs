using System.IO.Pipelines;
using AgentRollout.Tools.Sandbox.Bubblewrap;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

public sealed class OutputPumpTests
{
    [Fact]
    public async Task Output_is_read_in_order_to_its_end()
    {
        byte[] written = new byte[300_000];
        new Random(1).NextBytes(written);
        OutputPump pump = new(new MemoryStream(written));
        using MemoryStream read = new();
        await pump.Output.CopyToAsync(read);
        Assert.Equal(written, read.ToArray());
    }

    [Fact]
    public async Task A_read_that_waits_ends_when_the_pump_stops_even_if_the_source_does_not()
    {
        Pipe source = new();
        OutputPump pump = new(source.Reader.AsStream());
        Task<int> read = pump.Output.ReadAsync(new byte[8]).AsTask();
        pump.Stop();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        await source.Writer.CompleteAsync();
    }

    [Fact]
    public async Task Stopping_never_disturbs_a_read_that_is_under_way()
    {
        for (int round = 0; round < 2_000; round++)
        {
            Pipe source = new();
            OutputPump pump = new(source.Reader.AsStream());
            Task<string> read = Task.Run(() => ReadAsync(pump.Output));
            await source.Writer.WriteAsync(new byte[] { 1, 2, 3 });
            Task stop = Task.Run(pump.Stop);
            await source.Writer.CompleteAsync();
            Assert.Contains(await read, (string[])["ended", "stopped"]);
            await stop;
        }
    }

    /// <summary>How reading on and on came to its end.</summary>
    private static async Task<string> ReadAsync(Stream output)
    {
        byte[] buffer = new byte[2];
        try
        {
            while (await output.ReadAsync(buffer) > 0)
                continue;
            return "ended";
        }
        catch (OperationCanceledException)
        {
            return "stopped";
        }
    }
}
