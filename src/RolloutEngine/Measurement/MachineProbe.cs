using System.Diagnostics;
using AgentRollout.RolloutEngine.Backends.Cpu;
using Microsoft.Win32.SafeHandles;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>
/// What this machine can do at best, measured in this process with the widest vectors: the limits that an engine's step is held against.
/// The best of several passes counts, since anything else that runs only takes away.
/// </summary>
public static unsafe class MachineProbe
{
    private const int Passes = 5;
    private const long ReadBytes = 1L << 30;
    private const long ReadItemBytes = 4L << 20;
    private const int ComputeItems = 128;

    /// <summary>Keeps what the loops compute, so that they are not optimised away.</summary>
    private static float _sink;

    /// <summary>Bytes per second that so many threads read from 1 GiB of memory, far more than any cache holds.</summary>
    public static double ReadBandwidth(int threads)
    {
        using NativeBuffer<float> memory = NativeBuffer<float>.Zeroed(ReadBytes / sizeof(float));
        // Memory that nobody wrote is one page of zeros, which any cache holds.
        new Span<float>(memory.Pointer, (int)(ReadBytes / sizeof(float))).Fill(1);
        int items = (int)(ReadBytes / ReadItemBytes);
        double seconds = BestOf(threads, items, item => ProbeLoops.Read(memory.Pointer + item * (ReadItemBytes / sizeof(float)), ReadItemBytes / sizeof(float)));
        return ReadBytes / seconds;
    }

    /// <summary>Operations per second of fused multiply-adds on registers, each counting as two.</summary>
    public static double MultiplyAddRate(int threads)
    {
        double seconds = BestOf(threads, ComputeItems, _ => ProbeLoops.MultiplyAdd());
        return ProbeLoops.MultiplyAddOperations * ComputeItems / seconds;
    }

    /// <summary>
    /// Time to read all weight files of a model from their beginning to their end into memory that nobody used before: the least that
    /// loading them takes. The second of two readings, by when the system holds the files in memory if it has room for them.
    /// </summary>
    public static TimeSpan ReadTime(string model)
    {
        TimeSpan time = default;
        for (int reading = 0; reading < 2; reading++)
        {
            long started = Stopwatch.GetTimestamp();
            foreach (string path in Directory.EnumerateFiles(model, "*.safetensors"))
                ReadFile(path);
            time = Stopwatch.GetElapsedTime(started);
        }

        return time;
    }

    private static void ReadFile(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        long length = RandomAccess.GetLength(file);
        using NativeBuffer<byte> memory = NativeBuffer<byte>.Zeroed(length);
        for (long offset = 0; offset < length;)
            offset += RandomAccess.Read(file, new Span<byte>(memory.Pointer + offset, (int)Math.Min(length - offset, ReadItemBytes)), offset);
    }

    private static double BestOf(int threads, int items, Func<int, float> loop)
    {
        using WorkerSet workers = new(threads);
        double best = double.PositiveInfinity;
        for (int pass = 0; pass < Passes; pass++)
        {
            long started = Stopwatch.GetTimestamp();
            workers.Run(Region, threads);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return best;

        void Region(WorkerSet.Worker worker)
        {
            while (worker.Next(items, out int item))
                _sink = loop(item);
        }
    }
}
