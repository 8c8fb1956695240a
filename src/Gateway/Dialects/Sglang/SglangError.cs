using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Errors as SGLang has them, in its two shapes at once: clients of either find theirs.</summary>
/// <param name="Success">Always false.</param>
/// <param name="Error">One shape.</param>
/// <param name="Object">Always <c>error</c>, of the other shape.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Type">Whose fault it is.</param>
/// <param name="Param">Always null.</param>
/// <param name="Code">The status.</param>
internal sealed record SglangError(bool Success, SglangErrorMessage Error, string Object, string Message, string Type, string? Param, int Code)
{
    /// <summary>The form of whatever an endpoint of the protocol is refused with.</summary>
    public static ErrorForm Form { get; } = new((status, _, message) => TypedResults.Json(Of(status, message), SglangJson.Default.SglangError, statusCode: status));

    public static SglangError Of(int status, string message) => new(
        Success: false, new SglangErrorMessage(message), "error", message, status < StatusCodes.Status500InternalServerError ? "BadRequestError" : "ServerError", Param: null, status);
}

/// <param name="Message">The same sentence.</param>
internal sealed record SglangErrorMessage(string Message);
