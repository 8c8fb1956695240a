using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Gateway;

/// <summary>Settings of the server: the members of the file that <c>serve --config</c> reads (docs/configuration.md).</summary>
internal sealed record GatewayOptions
{
    public const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Where the server listens. Default <see cref="DefaultUrl"/>. Any other than a loopback address needs <see cref="ApiKeys"/>.</summary>
    public IReadOnlyList<string> Urls { get; set; } = [DefaultUrl];

    /// <summary>Folder of the served model. Default: the shipped <c>models/tiny-agent</c>.</summary>
    public string? Model { get; set; }

    /// <summary>The SQLite file that keeps rollouts and trajectories. Default <c>agentrollout.db</c> in the working directory.</summary>
    public string Database { get; set; } = "agentrollout.db";

    /// <summary>Most rollouts that wait; one more is answered 429. Default 256.</summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = 256;

    /// <summary>Most rollouts that play at once. Default 64.</summary>
    [Range(1, 10_000)]
    public int ConcurrentRollouts { get; set; } = 64;

    /// <summary>Most trajectories in play at once, over all rollouts. Default 64.</summary>
    [Range(1, 10_000)]
    public int ConcurrentTrajectories { get; set; } = 64;

    /// <summary>Largest request body in bytes; a larger one is answered 413. Default 16 MiB.</summary>
    [Range(1_024, 1_073_741_824)]
    public long MaxRequestBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Host names that clients may call the server by, besides loopback names and the addresses it listens on. Default none.</summary>
    public IReadOnlyList<string> AllowedHosts { get; set; } = [];

    /// <summary>Keys of which every call but the health checks must present one. Default none, which only loopback addresses allow.</summary>
    public IReadOnlyList<ApiKeyHash> ApiKeys { get; set; } = [];

    /// <summary>Threads of the embedded engine; null for one per processor. Default null.</summary>
    [Range(1, 1_024)]
    public int? EngineThreads { get; set; }
}

/// <summary>An API key as configuration keeps it.</summary>
/// <param name="Name">Whose key it is; appears in logs.</param>
/// <param name="Sha256">The SHA-256 of the key's UTF-8 bytes, 64 hexadecimal digits.</param>
internal sealed record ApiKeyHash(string Name, string Sha256);
