using AgentRollout.Environments.Capture;
using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Dialects.Anthropic;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Capture;

/// <summary>What the agents themselves ask: the chat protocols, each call under the session whose base URL and key they have.</summary>
internal static class AgentEndpoints
{
    public const string OpenAi = "/openai";
    public const string Anthropic = "/anthropic";

    public static void MapAgents(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder session = routes.MapGroup(SessionEndpoints.Root + "/{session}").ExcludeFromDescription();
        session.AddEndpointFilter(FindSessionAsync);
        // Agents have the names of their models written into them.
        ChatDialectSettings settings = new() { AnyModel = true };
        session.MapGroup(OpenAi).MapOpenAiChat(settings);
        session.MapGroup(Anthropic).MapAnthropicMessages(settings);
    }

    /// <summary>Whether a path is an agent's, whose key is that of its session and not the server's.</summary>
    public static bool IsAgents(PathString path) =>
        path.StartsWithSegments(SessionEndpoints.Root, out PathString rest)
        && rest.Value!.Split('/') is ["", _, var protocol, ..]
        && $"/{protocol}" is OpenAi or Anthropic;

    /// <summary>Lets a call in under its session, and keeps the session from being idle until it is answered.</summary>
    private static async ValueTask<object?> FindSessionAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        HttpContext context = invocation.HttpContext;
        string id = (string)context.GetRouteValue("session")!;
        TimeProvider time = context.RequestServices.GetRequiredService<TimeProvider>();
        if (context.RequestServices.GetRequiredService<SessionRegistry>().Find(id) is not { } session)
        {
            await ProblemMapping.AnswerAsync(
                context, ProblemMapping.Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownSession, $"Session '{id}' is unknown or has ended."));
            return Results.Empty;
        }

        if (!session.HasKey(AccessMiddleware.PresentedKey(context.Request)))
        {
            await ProblemMapping.AnswerAsync(
                context, ProblemMapping.Problem(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthorized, $"The key of session '{id}' is needed: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'."));
            return Results.Empty;
        }

        context.Features.Set(session.Capture);
        session.Touch(time.GetUtcNow());
        try
        {
            return await next(invocation);
        }
        finally
        {
            session.Touch(time.GetUtcNow());
        }
    }
}
