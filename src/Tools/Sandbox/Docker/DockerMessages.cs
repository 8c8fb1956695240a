using System.Text.Json.Serialization;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>What <c>/containers/create</c> takes, as far as it is used here; the members' names are the engine's.</summary>
internal sealed record ContainerRequest
{
    public required string Image { get; init; }

    public required IReadOnlyList<string> Entrypoint { get; init; }

    public required string User { get; init; }

    public required string WorkingDir { get; init; }

    public required string Hostname { get; init; }

    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    public required HostConfig HostConfig { get; init; }

    public IReadOnlyList<string> Cmd { get; init; } = [];

    public bool NetworkDisabled { get; init; } = true;

    public bool OpenStdin { get; init; } = true;

    /// <summary>Input ends when whoever attached goes away, even by SIGKILL; the agent program then ends, and with it the container.</summary>
    public bool StdinOnce { get; init; } = true;

    public bool AttachStdin { get; init; } = true;

    public bool AttachStdout { get; init; } = true;

    public bool AttachStderr { get; init; } = true;
}

/// <summary>Limits and isolation of a container.</summary>
internal sealed record HostConfig
{
    public required long Memory { get; init; }

    /// <summary>Memory and swap together; equal to <see cref="Memory"/> there is no swap.</summary>
    public required long MemorySwap { get; init; }

    public required long NanoCpus { get; init; }

    public required long PidsLimit { get; init; }

    public required IReadOnlyList<Ulimit> Ulimits { get; init; }

    public required IReadOnlyDictionary<string, string> Tmpfs { get; init; }

    public required IReadOnlyList<Mount> Mounts { get; init; }

    public required IReadOnlyList<string> SecurityOpt { get; init; }

    public string NetworkMode { get; init; } = "none";

    public string IpcMode { get; init; } = "private";

    public bool ReadonlyRootfs { get; init; } = true;

    public IReadOnlyList<string> CapDrop { get; init; } = ["ALL"];

    public LogConfig LogConfig { get; init; } = new("none");

    public bool AutoRemove { get; init; } = true;
}

internal sealed record Ulimit(string Name, long Soft, long Hard);

internal sealed record Mount(string Type, string Source, string Target, bool ReadOnly);

internal sealed record LogConfig(string Type);

/// <summary>What <c>/containers/create</c> answers.</summary>
internal sealed record ContainerCreated(string Id);

/// <summary>A line of <c>/containers/json</c>.</summary>
internal sealed record ContainerLine(string Id, IReadOnlyDictionary<string, string> Labels);

/// <summary>What <c>/info</c> answers, as far as it is used here.</summary>
/// <param name="ServerVersion">For example <c>20.10.24</c>.</param>
/// <param name="SecurityOptions">For example <c>name=seccomp,profile=default</c>.</param>
/// <param name="MemoryLimit">Whether containers can be limited.</param>
/// <param name="PidsLimit">Likewise.</param>
/// <param name="CpuCfsQuota">Likewise.</param>
internal sealed record EngineInfo(string ServerVersion, IReadOnlyList<string>? SecurityOptions, bool MemoryLimit, bool PidsLimit, bool CpuCfsQuota);

/// <summary>How the engine says that something went wrong.</summary>
internal sealed record EngineError([property: JsonPropertyName("message")] string? Message);

[JsonSerializable(typeof(ContainerRequest))]
[JsonSerializable(typeof(ContainerCreated))]
[JsonSerializable(typeof(IReadOnlyList<ContainerLine>))]
[JsonSerializable(typeof(EngineInfo))]
[JsonSerializable(typeof(EngineError))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, IReadOnlyList<string>>))]
internal sealed partial class DockerJson : JsonSerializerContext;
