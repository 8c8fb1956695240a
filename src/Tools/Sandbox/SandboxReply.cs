using System.Text.Json.Serialization;

namespace AgentRollout.Tools.Sandbox;

/// <summary>What one call in a sandbox brought; what does not belong to its kind is null. All of it is the model's to make up.</summary>
public sealed record SandboxReply
{
    /// <summary>Why everything in the sandbox was killed and its interpreter started afresh; null where the call ended by itself.</summary>
    public SandboxEnd? Ended { get; init; }

    public string Stdout { get; init; } = "";

    public string Stderr { get; init; } = "";

    /// <summary>The <c>repr</c> of a cell's last expression; null where there is none or it is <c>None</c>.</summary>
    public string? Value { get; init; }

    /// <summary>A cell's traceback.</summary>
    public string? Error { get; init; }

    /// <summary>The exit code of a shell command; minus the signal's number where a signal ended it.</summary>
    public int? ExitCode { get; init; }

    /// <summary>The exit code of an interpreter that ended, likewise; null where it broke its connection instead.</summary>
    public int? Status { get; init; }

    /// <summary>What was read from a file.</summary>
    public byte[]? Content { get; init; }

    /// <summary>How many bytes were written to a file.</summary>
    public int? Bytes { get; init; }

    /// <summary>The files under a folder, at most 1,000 of them.</summary>
    public IReadOnlyList<SandboxFile>? Entries { get; init; }

    /// <summary>How many files there are under the folder.</summary>
    public int Total { get; init; }

    /// <summary>Why a file operation was not done: one sentence.</summary>
    public string? Refused { get; init; }
}

/// <summary>Why a call in a sandbox was cut.</summary>
public enum SandboxEnd
{
    /// <summary>It took longer than <see cref="SandboxOptions.CallTimeoutSeconds"/>.</summary>
    Timeout,

    /// <summary>It printed more than <see cref="SandboxOptions.MaxOutputBytes"/>.</summary>
    Output,

    /// <summary>Its caller no longer wanted it.</summary>
    Cancelled,

    /// <summary>The interpreter ended, or no process could be started before what was running was killed.</summary>
    Died,
}

/// <summary>A file in a sandbox.</summary>
/// <param name="Path">Relative to the listed folder; in Python's notation where it is not printable.</param>
/// <param name="Kind"><c>file</c>, <c>folder</c>, <c>link</c> or <c>special</c>.</param>
/// <param name="Bytes">Its size.</param>
public sealed record SandboxFile(string Path, string Kind, long Bytes);

/// <summary>A request to the agent program; see there.</summary>
internal sealed record AgentRequest(string Op, double Timeout, int MaxOutput)
{
    public string? Code { get; init; }

    public string? Command { get; init; }

    public string? Path { get; init; }

    public byte[]? Content { get; init; }

    public int? MaxBytes { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(AgentRequest))]
[JsonSerializable(typeof(SandboxReply))]
internal sealed partial class AgentJson : JsonSerializerContext;
