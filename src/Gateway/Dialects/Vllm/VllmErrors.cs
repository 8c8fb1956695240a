using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>Errors as vLLM's clients read them.</summary>
internal static class VllmErrors
{
    /// <summary>The form of whatever an endpoint of the protocol is refused with.</summary>
    public static ErrorForm Form { get; } = new((status, code, message) =>
    {
        status = code == ProblemCodes.UnknownModel ? StatusCodes.Status404NotFound : status;
        return TypedResults.Json(new VllmError(new VllmErrorDetail(message, TypeOf(status), Param: null, status)), VllmJson.Default.VllmError, statusCode: status);
    });

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "Unauthorized",
        StatusCodes.Status403Forbidden => "Forbidden",
        StatusCodes.Status404NotFound => "NotFoundError",
        >= StatusCodes.Status500InternalServerError => "InternalServerError",
        _ => "BadRequestError",
    };
}

/// <summary>The body of an error, in the shape that newer servers have and, beside it, in that of older ones.</summary>
internal sealed record VllmError(VllmErrorDetail Error)
{
    public string Object { get; } = "error";

    public string Message => Error.Message;

    public string Type => Error.Type;

    public string? Param => Error.Param;

    public int Code => Error.Code;
}

/// <param name="Message">One sentence.</param>
/// <param name="Type">Whose fault it is.</param>
/// <param name="Param">Always null.</param>
/// <param name="Code">The status.</param>
internal sealed record VllmErrorDetail(string Message, string Type, string? Param, int Code);
