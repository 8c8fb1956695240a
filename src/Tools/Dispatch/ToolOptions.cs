using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace AgentRollout.Tools.Dispatch;

/// <summary>Limits of tool calls. Section: <c>Tools</c>.</summary>
public sealed class ToolOptions
{
    /// <summary>The most UTF-16 units of one result, where the call does not say (<see cref="ToolInvocation.ResultLimit"/>). Default 16,384.</summary>
    [Range(256, 1 << 24)]
    public int MaxResultCharacters { get; set; } = 16_384;

    /// <summary>What is left out of a longer result, where the call does not say. Default the middle.</summary>
    public Truncation TruncateResults { get; set; }

    /// <summary>How many tools run at once in this process; further calls wait within their time-out, and a tool that was
    /// left behind at its time-out no longer counts. Default 256.</summary>
    [Range(1, 65_536)]
    public int MaxConcurrentCalls { get; set; } = 256;

    /// <summary>
    /// How many finished calls are remembered, so that a message that the bus delivers again is answered without running the tool twice.
    /// Default 1,024.
    /// </summary>
    [Range(0, 1 << 20)]
    public int RememberedCalls { get; set; } = 1_024;
}

[OptionsValidator]
internal sealed partial class ToolOptionsValidator : IValidateOptions<ToolOptions>;
