using System.Buffers.Binary;
using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>An engine on the shipped model, and an embedded one beside it that says what it must answer.</summary>
public abstract class EngineFixture : IAsyncLifetime
{
    protected static string Model => ModelFolder.Find(null);

    /// <summary>The engine under test.</summary>
    public abstract IEngineNode Engine { get; }

    /// <summary>The embedded engines that compute for it.</summary>
    public abstract IReadOnlyList<LocalEngine> Nodes { get; }

    public LocalEngine Reference { get; } = LocalEngine.Load(Model, new EngineOptions(), NullLoggerFactory.Instance);

    /// <summary>Which kinds of details the protocol has room for.</summary>
    public virtual bool TellsUnfiltered => true;

    public virtual bool TellsWatchedAndKept => true;

    public virtual bool TellsTimings => true;

    public abstract ValueTask InitializeAsync();

    /// <summary>A file with weights that are a little off the shipped ones.</summary>
    public static string SaveOtherWeights()
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Model, "model.safetensors"));
        Random random = new(2);
        // Numbers are of two bytes, whose last bits are the least of the mantissa.
        for (int i = sizeof(long) + (int)BinaryPrimitives.ReadInt64LittleEndian(file); i < file.Length; i += 2)
            file[i] ^= (byte)random.Next(8);
        string path = Path.Combine(Directory.CreateTempSubdirectory("agentrollout-").FullName, "weights.safetensors");
        File.WriteAllBytes(path, file);
        return path;
    }

    public virtual async ValueTask DisposeAsync()
    {
        await Reference.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
