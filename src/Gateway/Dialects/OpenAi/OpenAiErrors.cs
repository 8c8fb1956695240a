using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>Errors as OpenAI's clients read them.</summary>
internal static class OpenAiErrors
{
    /// <summary>The form of whatever an endpoint of the protocol is refused with.</summary>
    public static ErrorForm Form { get; } = new((status, code, message) =>
    {
        status = code == ProblemCodes.UnknownModel ? StatusCodes.Status404NotFound : status;
        return TypedResults.Json(Of(status, code, message), OpenAiJson.Default.OpenAiError, statusCode: status);
    });

    /// <summary>The error in the protocol's words.</summary>
    public static OpenAiError Of(int status, string code, string message) => new(new OpenAiErrorDetail(message, TypeOf(status), Param: null, code));

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "authentication_error",
        StatusCodes.Status403Forbidden => "permission_error",
        >= StatusCodes.Status500InternalServerError => "server_error",
        _ => "invalid_request_error",
    };
}

/// <summary>The body of an error.</summary>
internal sealed record OpenAiError(OpenAiErrorDetail Error);

/// <param name="Message">One sentence.</param>
/// <param name="Type">Whose fault it is.</param>
/// <param name="Param">Always null.</param>
/// <param name="Code">Stable, for programs.</param>
internal sealed record OpenAiErrorDetail(string Message, string Type, string? Param, string Code);
