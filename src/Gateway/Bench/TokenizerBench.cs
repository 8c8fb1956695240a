using System.Diagnostics;
using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Bench;

/// <summary>Measures a tokenizer as a rollout uses it: texts of a few kilobytes, one after the other, on one thread.</summary>
internal static class TokenizerBench
{
    private const int ChunkChars = 4096;
    private const int RendersPerMeasurement = 50;

    /// <summary>Long enough for the runtime to compile what runs often once more, fully optimised, in the background.</summary>
    private const int WarmUpMs = 1500;

    public static TokenizerReport Run(string folder, string text, int repeats)
    {
        double firstLoad = Measure(() => Tokenizer.Load(folder)).WallMs;
        Timing load = MedianOf(repeats, () => Tokenizer.Load(folder));
        Tokenizer tokenizer = Tokenizer.Load(folder);

        int[][] ids = [.. Chunks(text).Select(chunk => tokenizer.Encode(chunk.Span))];
        long tokens = ids.Sum(chunk => (long)chunk.Length);
        WarmUp(() => Encode(tokenizer, text));
        long allocated = AllocatedBy(() => Encode(tokenizer, text));
        Timing encode = MedianOf(repeats, () => Encode(tokenizer, text));
        WarmUp(() => Decode(tokenizer, ids));
        Timing decode = MedianOf(repeats, () => Decode(tokenizer, ids));

        double megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        return new TokenizerReport
        {
            Model = folder,
            TextBytes = Encoding.UTF8.GetByteCount(text),
            Tokens = tokens,
            EncodeMbPerS = Round(megabytes / encode.WallMs * 1e3),
            EncodeMbPerCpuS = Round(megabytes / encode.CpuMs * 1e3),
            DecodeMbPerS = Round(megabytes / decode.WallMs * 1e3),
            DecodeMbPerCpuS = Round(megabytes / decode.CpuMs * 1e3),
            FirstLoadMs = Round(firstLoad),
            LoadMs = Round(load.WallMs),
            EncodeBytesPerToken = Round((double)allocated / tokens),
            RenderMs = RenderMs(folder, repeats),
        };
    }

    private static IEnumerable<ReadOnlyMemory<char>> Chunks(string text)
    {
        for (int start = 0; start < text.Length; start += ChunkChars)
            yield return text.AsMemory(start, Math.Min(ChunkChars, text.Length - start));
    }

    private static void Encode(Tokenizer tokenizer, string text)
    {
        for (int start = 0; start < text.Length; start += ChunkChars)
            tokenizer.Encode(text.AsSpan(start, Math.Min(ChunkChars, text.Length - start)));
    }

    private static void Decode(Tokenizer tokenizer, int[][] ids)
    {
        foreach (int[] chunk in ids)
            tokenizer.Decode(chunk);
    }

    /// <summary>Milliseconds per rendering of the conversation that lies beside this file.</summary>
    private static double? RenderMs(string folder, int repeats)
    {
        try
        {
            ChatTemplate template = ChatTemplate.Load(folder);
            using JsonDocument conversation = JsonDocument.Parse(
                typeof(TokenizerBench).Assembly.GetManifestResourceStream("AgentRollout.Gateway.Bench.conversation.json")!);
            JsonElement messages = conversation.RootElement.GetProperty("messages");
            JsonElement tools = conversation.RootElement.GetProperty("tools");
            void Render()
            {
                for (int i = 0; i < RendersPerMeasurement; i++)
                    template.RenderJson(messages, tools, addGenerationPrompt: true);
            }

            WarmUp(Render);
            return Round(MedianOf(repeats, Render).WallMs / RendersPerMeasurement);
        }
        catch (TokenizerException)
        {
            return null;
        }
    }

    private static void WarmUp(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        do
            action();
        while (Stopwatch.GetElapsedTime(started).TotalMilliseconds < WarmUpMs);
    }

    private static long AllocatedBy(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static Timing MedianOf(int repeats, Action action)
    {
        Timing[] timings = [.. Enumerable.Range(0, repeats).Select(_ => Measure(action))];
        return new Timing(Median.Of(timings.Select(timing => timing.WallMs)), Median.Of(timings.Select(timing => timing.CpuMs)));
    }

    private static Timing Measure(Action action)
    {
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        action();
        double wall = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        return new Timing(wall, Math.Max((Environment.CpuUsage.TotalTime - processorTime).TotalMilliseconds, 0.001));
    }

    private static double Round(double value) => Math.Round(value, 4);

    private readonly record struct Timing(double WallMs, double CpuMs);
}
