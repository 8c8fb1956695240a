using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace AgentRollout.Tools.Sandbox;

/// <summary>Limits of one sandbox. It has no network but the proxy of an allow-list, and nothing writable but the three file systems in memory.</summary>
public sealed record SandboxOptions
{
    /// <summary>Memory of all its processes and its files in MiB; there is no swap. Default 512.</summary>
    [Range(32, 1_048_576)]
    public int MemoryMib { get; set; } = 512;

    /// <summary>Processors that it may use at once. Default 1.</summary>
    [Range(0.05, 1_024.0)]
    public double Cpus { get; set; } = 1;

    /// <summary>Processes and threads at once. Default 64.</summary>
    [Range(8, 32_768)]
    public int Pids { get; set; } = 64;

    /// <summary>Open files of one process. Default 256.</summary>
    [Range(32, 1_048_576)]
    public int OpenFiles { get; set; } = 256;

    /// <summary>Size of <c>/workspace</c>, where calls start and files are kept, in MiB. Default 64.</summary>
    [Range(1, 1_048_576)]
    public int WorkspaceMib { get; set; } = 64;

    /// <summary>Size of <c>/tmp</c> in MiB. Default 32.</summary>
    [Range(1, 1_048_576)]
    public int TmpMib { get; set; } = 32;

    /// <summary>Size of <c>/dev/shm</c> in MiB. Default 16.</summary>
    [Range(1, 1_048_576)]
    public int SharedMemoryMib { get; set; } = 16;

    /// <summary>Wall-clock limit of one call in seconds. What runs longer is killed. Default 20.</summary>
    [Range(0.1, 3_600.0)]
    public double CallTimeoutSeconds { get; set; } = 20;

    /// <summary>Most bytes that one call may print. What prints more is killed. Default 65,536.</summary>
    [Range(1_024, 16_777_216)]
    public int MaxOutputBytes { get; set; } = 65_536;

    /// <summary>Largest file that is read or written by one call, in bytes. Default 1 MiB.</summary>
    [Range(1_024, 16_777_216)]
    public int MaxFileBytes { get; set; } = 1_048_576;

    /// <summary>After how many seconds a sandbox is removed whatever it does; longer than any episode. Default 7,200.</summary>
    [Range(60, 604_800)]
    public int LifetimeSeconds { get; set; } = 7_200;

    /// <summary>
    /// A folder of this machine that the runtime binds, read-only, at <see cref="SandboxAgent.ProxyFolder"/>: the socket in it is the sandbox's
    /// only way to the network (<see cref="Network.SandboxProxy"/>). Null for none.
    /// </summary>
    internal string? ProxyFolder { get; init; }

    /// <summary>Checks every member's range.</summary>
    /// <exception cref="SandboxException">One is out of its range; the message names it, its value and the range.</exception>
    public void Validate()
    {
        foreach (PropertyInfo property in typeof(SandboxOptions).GetProperties())
        {
            object? value = property.GetValue(this);
            if (property.GetCustomAttribute<RangeAttribute>() is { } range && !range.IsValid(value))
            {
                throw new SandboxException(string.Create(
                    CultureInfo.InvariantCulture, $"Sandbox option '{property.Name}' is {value}; it must be {range.Minimum} to {range.Maximum}."));
            }
        }
    }
}
