using AgentRollout.Gateway.Errors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Dialects.SandboxFusion;

/// <summary>
/// <c>POST /run_code</c>: the server's sandboxes in SandboxFusion's protocol, for trainers and tools that know that one. As in that protocol,
/// members that are not known are ignored, what a program does wrong is an answer with status 200, and 504 means that trying again helps.
/// </summary>
internal static class RunCodeEndpoint
{
    public static void MapRunCode(this IEndpointRouteBuilder routes) => routes.MapPost("/run_code", RunAsync).WithName("RunCode");

    private static async Task<Results<Ok<RunCodeResponse>, ProblemHttpResult>> RunAsync(
        RunCodeRequest request, [FromServices] ProgramRunner? programs, CancellationToken cancellationToken)
    {
        if (programs is null)
        {
            return ProblemMapping.Problem(
                StatusCodes.Status501NotImplemented, ProblemCodes.NotConfigured, "This server has no sandboxes; 'sandbox' in its configuration gives it some.");
        }

        SandboxProgram program = SandboxProgram.Parse(request, programs.Limits.MaxFileBytes);
        return await programs.RunAsync(program, cancellationToken) is { } response
            ? TypedResults.Ok(response)
            : ProblemMapping.Problem(StatusCodes.Status504GatewayTimeout, ProblemCodes.SandboxesBusy, "No sandbox was free in time; try again.");
    }
}
