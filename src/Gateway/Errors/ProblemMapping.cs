using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Replay;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine;
using AgentRollout.Tools;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Errors;

/// <summary>The only place that makes RFC 9457 problem details: each carries a stable <c>code</c> and one sentence.</summary>
internal static class ProblemMapping
{
    /// <summary>A problem as an endpoint's result.</summary>
    public static ProblemHttpResult Problem(int status, string code, string detail) =>
        TypedResults.Problem(detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code });

    public static ProblemHttpResult UnknownRollout(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownRollout, $"Rollout '{id}' is unknown.");

    public static ProblemHttpResult UnknownTrajectory(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownTrajectory, $"Trajectory '{id}' is unknown or not finished yet.");

    public static ProblemHttpResult UnknownGroup(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownGroup, $"Group '{id}' is unknown or has no finished trajectory yet.");

    public static ProblemHttpResult UnknownReplay(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownReplay, $"Replay '{id}' is unknown or forgotten.");

    public static ProblemHttpResult UnknownSession(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownSession, $"Session '{id}' is unknown.");

    public static ProblemHttpResult SessionEnded(string id) =>
        Problem(StatusCodes.Status409Conflict, ProblemCodes.SessionEnded, $"Session '{id}' has ended.");

    public static ProblemHttpResult UnknownLease(string id) =>
        Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownLease, $"Lease '{id}' is unknown.");

    public static ProblemHttpResult NotAcceptable(HttpRequest request, IEnumerable<string> known) => Problem(
        StatusCodes.Status406NotAcceptable,
        ProblemCodes.NotAcceptable,
        $"Media type '{request.Headers.Accept}' is unknown; known types: {string.Join(", ", known)}.");

    /// <summary>Exceptions of endpoints become problems; so do the bare status codes that routing and Kestrel answer with.</summary>
    public static void UseProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = HandleAsync, SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(context => AnswerAsync(context.HttpContext, FromStatus(context.HttpContext)));
    }

    /// <summary>Answers with a problem, in the <see cref="ErrorForm"/> of the endpoint where it has one.</summary>
    public static Task AnswerAsync(HttpContext context, ProblemHttpResult problem)
    {
        Endpoint? endpoint = context.Features.Get<IExceptionHandlerFeature>()?.Endpoint ?? context.GetEndpoint();
        return endpoint?.Metadata.GetMetadata<ErrorForm>() is { } form
            ? form.Write(problem.StatusCode, (string)problem.ProblemDetails.Extensions["code"]!, problem.ProblemDetails.Detail!).ExecuteAsync(context)
            : problem.ExecuteAsync(context);
    }

    private static Task HandleAsync(HttpContext context)
    {
        Exception exception = context.Features.Get<IExceptionHandlerFeature>()!.Error;
        return AnswerAsync(context, FromException(context, exception));
    }

    private static ProblemHttpResult FromException(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case InvalidInputException invalid:
                return Problem(StatusCodes.Status400BadRequest, invalid.Code, invalid.Message);
            case ConflictException conflict:
                return Problem(StatusCodes.Status409Conflict, conflict.Code, conflict.Message);
            case ForkException { Problem: ForkProblem.Invalid } invalid:
                return Problem(StatusCodes.Status400BadRequest, ProblemCodes.InvalidValue, invalid.Message);
            case ForkException other:
                return Problem(
                    StatusCodes.Status409Conflict,
                    other.Problem == ForkProblem.OtherModel ? ProblemCodes.OtherModel : ProblemCodes.OtherTokenizer,
                    other.Message);
            case StorageException or JournalException:
                return Problem(StatusCodes.Status503ServiceUnavailable, ProblemCodes.StorageUnavailable, exception.Message);
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } tooLarge:
                return Problem(tooLarge.StatusCode, ProblemCodes.BodyTooLarge, tooLarge.Message);
            case BadHttpRequestException bad:
                return Problem(bad.StatusCode, ProblemCodes.BadRequest, bad.Message);
            case EngineException lost:
                return Problem(StatusCodes.Status503ServiceUnavailable, ProblemCodes.EngineFailed, lost.Message);
            case ToolException failed:
                return Problem(StatusCodes.Status502BadGateway, ProblemCodes.ToolFailed, failed.Message);
            default:
                ILogger logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ProblemMapping));
                Log.RequestBroke(logger, exception, context.Request.Method, context.Request.Path);
                return Problem(StatusCodes.Status500InternalServerError, ProblemCodes.Internal, "The server broke; its log says where.");
        }
    }

    private static ProblemHttpResult FromStatus(HttpContext context)
    {
        int status = context.Response.StatusCode;
        string request = $"{context.Request.Method} {context.Request.Path}";
        (string code, string detail) = status switch
        {
            StatusCodes.Status404NotFound => (ProblemCodes.UnknownRoute, $"There is no {request}; /openapi/v1.json lists what there is."),
            StatusCodes.Status405MethodNotAllowed =>
                (ProblemCodes.MethodNotAllowed, $"{request} is not possible; allowed here: {context.Response.Headers.Allow}."),
            StatusCodes.Status415UnsupportedMediaType =>
                (ProblemCodes.UnsupportedMediaType, $"Content type '{context.Request.ContentType}' is not supported; send application/json."),
            StatusCodes.Status413PayloadTooLarge => (ProblemCodes.BodyTooLarge, "The request body is too large."),
            _ => (ProblemCodes.BadRequest, $"{request} was refused with status {status}."),
        };
        return Problem(status, code, detail);
    }
}
