namespace AgentRollout.Gateway.Dialects;

/// <summary>Why an answer ended.</summary>
/// <param name="Kind">In general.</param>
/// <param name="StopToken">The token that ended it, if one did.</param>
/// <param name="StopText">The text that ended it, if one did.</param>
/// <param name="Message">For an abort: what happened.</param>
internal sealed record DialectFinish(FinishKind Kind, int? StopToken = null, string? StopText = null, string? Message = null);

/// <summary>Why an answer ended, in general.</summary>
internal enum FinishKind
{
    /// <summary>By a stop token, sequence or text.</summary>
    Stop,

    /// <summary>All tokens that were asked for are there.</summary>
    Length,

    /// <summary>Somebody aborted it, or the engine was taken away or its time was up; what there was until then is kept.</summary>
    Abort,
}
