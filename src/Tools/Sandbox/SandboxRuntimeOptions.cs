using AgentRollout.Tools.Sandbox.Network;

namespace AgentRollout.Tools.Sandbox;

/// <summary>What isolates sandboxes on this machine, and how it is reached.</summary>
public sealed record SandboxRuntimeOptions
{
    public const string DefaultImage = "agentrollout-sandbox:latest";

    /// <summary>Which runtime. Default: the first of the others that answers.</summary>
    public SandboxRuntimeKind Runtime { get; set; }

    /// <summary><c>unix:///PATH</c> or <c>tcp://HOST:PORT</c>. Default: the environment variable <c>DOCKER_HOST</c>, then <c>/var/run/docker.sock</c>.</summary>
    public string? DockerHost { get; set; }

    /// <summary>Folder of <c>ca.pem</c>, <c>cert.pem</c> and <c>key.pem</c> for Docker over TCP. Default: the environment variable <c>DOCKER_CERT_PATH</c>.</summary>
    public string? DockerCertPath { get; set; }

    /// <summary>Docker's image; it has Python 3.11 or newer at <c>/usr/bin/python3</c>. Default: what <c>docker/sandbox/build.sh</c> builds.</summary>
    public string Image { get; set; } = DefaultImage;

    /// <summary>What sandboxes may reach over the network. Default nothing.</summary>
    public NetworkOptions Network { get; set; } = new();
}

/// <summary>The runtimes of sandboxes.</summary>
public enum SandboxRuntimeKind
{
    /// <summary>Whichever answers first, in the order of this enumeration.</summary>
    Auto,

    /// <summary>Containers of a Docker Engine.</summary>
    Docker,

    /// <summary>Processes that Bubblewrap and control groups isolate; for machines without Docker. The server runs as root.</summary>
    Bubblewrap,
}
