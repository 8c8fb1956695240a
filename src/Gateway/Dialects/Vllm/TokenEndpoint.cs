using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary><c>/inference/v1/generate</c>: tokens in, tokens and log-probabilities out, at once or as a stream.</summary>
internal static class TokenEndpoint
{
    public static async Task<IResult> GenerateAsync(HttpContext context, ChatRunner runner, TimeProvider time)
    {
        string id = context.Request.Headers["X-Request-Id"] is [{ Length: > 0 } named] ? named : Guid.CreateVersion7().ToString("N");
        TokenRequest request = new(await JsonBody.ReadAsync(context.Request), id);
        request.CheckModel(runner.Model, OpenAiEndpoints.TakesAnyModel(context));
        ChatPlan plan = runner.Plan(request.ToCall());
        TokenWriter writer = new(request, plan, runner.Model, runner.Tokenizer, time.GetUtcNow().ToUnixTimeSeconds());
        if (!request.Stream)
            return TypedResults.Json(writer.Whole(await runner.CompleteAsync(plan, context.RequestAborted)), VllmJson.Default.TokenAnswer);
        await OpenAiEndpoints.SendAsync(context, events => StreamAsync(events, runner, plan, request, writer, context.RequestAborted));
        return TypedResults.Empty;
    }

    private static async Task StreamAsync(
        ServerSentEvents events, ChatRunner runner, ChatPlan plan, TokenRequest request, TokenWriter writer, CancellationToken gone)
    {
        ChatChoice[] choices = new ChatChoice[plan.Answers.Count];
        await foreach (ChatChoice choice in runner.RunAsync(plan, gone))
        {
            choices[choice.Index] = choice;
            if (writer.Piece(choice) is { } piece)
                await events.SendAsync(piece, VllmJson.Default.TokenPiece, gone);
        }

        if (request.IncludesUsage)
            await events.SendAsync(writer.Counts(choices), VllmJson.Default.TokenPiece, gone);
    }
}
