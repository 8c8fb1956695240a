using AgentRollout.Environments.Capture;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.Anthropic;

/// <summary>Anthropic's protocol (docs/dialects.md).</summary>
internal static class AnthropicEndpoints
{
    private static readonly ErrorForm _form = new((status, code, message) =>
    {
        status = code == ProblemCodes.UnknownModel ? StatusCodes.Status404NotFound : status;
        return TypedResults.Json(ErrorOf(status, code, message), AnthropicJson.Default.MessageError, statusCode: status);
    });

    public static void MapAnthropic(this IEndpointRouteBuilder routes, ChatDialectSettings settings)
    {
        if (!settings.Enabled)
            return;
        routes.MapDialect(settings.Prefix, settings.Port).MapAnthropicMessages(settings);
    }

    /// <summary>What agents need of it, which is all.</summary>
    public static void MapAnthropicMessages(this RouteGroupBuilder group, ChatDialectSettings settings)
    {
        group.WithMetadata(_form, settings);
        group.MapPost("/v1/messages", AnswerAsync);
        group.MapPost("/v1/messages/count_tokens", CountAsync);
    }

    private static async Task<IResult> AnswerAsync(HttpContext context, ChatRunner runner)
    {
        JsonBody body = await ReadAsync(context, runner);
        int maxTokens = body.Int("max_tokens") ?? throw DialectValues.Invalid("The body has no 'max_tokens'.");
        if (maxTokens < 1)
            throw DialectValues.Invalid($"'max_tokens' is {maxTokens}; it must be at least 1.");
        ChatPlan plan = await runner.PlanAsync(
            MessagesBodyReader.Read(body, $"msg_{Guid.NewGuid():N}", maxTokens), context.Features.Get<CaptureSession>(), context.RequestAborted);
        MessageWriter writer = new(plan, runner.Model);
        if (body.Bool("stream") != true)
            return TypedResults.Json(writer.Whole((await runner.CompleteAsync(plan, context.RequestAborted))[0]), AnthropicJson.Default.Message);
        await StreamAsync(context, runner, plan, writer);
        return TypedResults.Empty;
    }

    private static async Task StreamAsync(HttpContext context, ChatRunner runner, ChatPlan plan, MessageWriter writer)
    {
        ServerSentEvents events = new(context.Response);
        CancellationToken gone = context.RequestAborted;
        try
        {
            await foreach (ChatChoice choice in runner.RunAsync(plan, gone))
            {
                if (!context.Response.HasStarted)
                    await SendAsync(writer.Start());
                foreach (MessageEvent one in writer.Events(choice))
                    await SendAsync(one);
            }
        }
        catch (EngineException exception) when (context.Response.HasStarted)
        {
            MessageError error = ErrorOf(StatusCodes.Status503ServiceUnavailable, ProblemCodes.EngineFailed, exception.Message);
            await events.SendAsync("error", error, AnthropicJson.Default.MessageError, gone);
        }

        Task SendAsync(MessageEvent one) => events.SendAsync(one.Type, one, AnthropicJson.Default.MessageEvent, gone);
    }

    private static async Task<IResult> CountAsync(HttpContext context, ChatRunner runner)
    {
        JsonBody body = await ReadAsync(context, runner);
        return TypedResults.Json(new TokenCount(runner.PromptOf(MessagesBodyReader.Read(body, "count", maxTokens: null)).Length), AnthropicJson.Default.TokenCount);
    }

    private static async Task<JsonBody> ReadAsync(HttpContext context, ChatRunner runner)
    {
        JsonBody body = new(await JsonBody.ReadAsync(context.Request));
        body.CheckModel(runner.Model, context.GetEndpoint()!.Metadata.GetRequiredMetadata<ChatDialectSettings>().AnyModel);
        return body;
    }

    private static MessageError ErrorOf(int status, string code, string message) => new(new MessageErrorDetail(TypeOf(status), message, code));

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "authentication_error",
        StatusCodes.Status403Forbidden => "permission_error",
        StatusCodes.Status404NotFound => "not_found_error",
        StatusCodes.Status413PayloadTooLarge => "request_too_large",
        StatusCodes.Status503ServiceUnavailable => "overloaded_error",
        >= StatusCodes.Status500InternalServerError => "api_error",
        _ => "invalid_request_error",
    };
}
