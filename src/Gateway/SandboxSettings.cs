using System.ComponentModel.DataAnnotations;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Network;

namespace AgentRollout.Gateway;

/// <summary>Where sandboxed tools run. Where this is configured and no runtime is ready, the server does not start.</summary>
internal sealed record SandboxSettings
{
    /// <summary>Default <c>auto</c>: the first that answers.</summary>
    public SandboxRuntimeKind Runtime { get; set; }

    /// <inheritdoc cref="SandboxRuntimeOptions.DockerHost"/>
    public string? DockerHost { get; set; }

    /// <inheritdoc cref="SandboxRuntimeOptions.DockerCertPath"/>
    public string? DockerCertPath { get; set; }

    /// <inheritdoc cref="SandboxRuntimeOptions.Image"/>
    public string Image { get; set; } = SandboxRuntimeOptions.DefaultImage;

    /// <inheritdoc cref="SandboxPoolOptions.Warm"/>
    [Range(0, 1_024)]
    public int Warm { get; set; } = 4;

    /// <inheritdoc cref="SandboxPoolOptions.ConcurrentStarts"/>
    [Range(1, 64)]
    public int ConcurrentStarts { get; set; } = 4;

    /// <summary>Programs of <c>POST /run_code</c> that run at once; more wait. Default 32.</summary>
    [Range(1, 1_024)]
    public int ConcurrentPrograms { get; set; } = 32;

    /// <inheritdoc cref="NetworkOptions.Allow"/>
    public IReadOnlyList<string> NetworkAllow { get; set; } = [];

    /// <inheritdoc cref="NetworkOptions.MaxMib"/>
    [Range(1, 1_048_576)]
    public int NetworkMaxMib { get; set; } = 64;

    /// <inheritdoc cref="NetworkOptions.MaxConnections"/>
    [Range(1, 1_024)]
    public int NetworkConnections { get; set; } = 16;

    /// <summary>Limits of every sandbox.</summary>
    public SandboxOptions Limits { get; set; } = new();

    public SandboxRuntimeOptions ToRuntimeOptions() => new()
    {
        Runtime = Runtime, DockerHost = DockerHost, DockerCertPath = DockerCertPath, Image = Image,
        Network = new NetworkOptions { Allow = NetworkAllow, MaxMib = NetworkMaxMib, MaxConnections = NetworkConnections },
    };

    public SandboxPoolOptions ToPoolOptions() => new() { Warm = Warm, ConcurrentStarts = ConcurrentStarts, Sandbox = Limits };
}
