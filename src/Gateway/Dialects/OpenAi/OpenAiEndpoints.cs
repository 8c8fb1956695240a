using AgentRollout.Environments;
using AgentRollout.Environments.Capture;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi.Embeddings;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>OpenAI's protocol, with what SGLang and vLLM add to it (docs/dialects.md).</summary>
internal static class OpenAiEndpoints
{
    public static void MapOpenAi(this WebApplication app, ChatDialectSettings settings)
    {
        if (!settings.Enabled)
            return;
        RouteGroupBuilder group = app.MapDialect(settings.Prefix, settings.Port);
        group.MapOpenAiChat(settings);
        group.MapPost("/v1/completions", CompleteAsync);
        group.MapPost("/v1/embeddings", EmbeddingsEndpoint.EmbedAsync);
    }

    /// <summary>What agents need of it.</summary>
    public static void MapOpenAiChat(this RouteGroupBuilder group, ChatDialectSettings settings)
    {
        group.WithMetadata(OpenAiErrors.Form, settings);
        group.MapPost("/v1/chat/completions", ChatAsync);
        IServiceProvider services = ((IEndpointRouteBuilder)group).ServiceProvider;
        Policy policy = services.GetRequiredService<Policy>();
        ServedModel served = new(policy.Name, services.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeSeconds(), policy.Engine.Model.ContextLength);
        ServedModel[] embedding = services.GetService<EmbeddingModel>() is { } model ? [served with { Id = model.Name, MaxModelLen = model.ContextLength }] : [];
        group.MapGet("/v1/models", () => TypedResults.Json(new ModelList([Now(served, policy.Engine.Model), .. embedding]), OpenAiJson.Default.ModelList));
        group.MapGet("/v1/models/{**id}", (string id) => Find(id, [Now(served, policy.Engine.Model), .. embedding]));
    }

    private static async Task<IResult> ChatAsync(HttpContext context, ChatRunner runner, TimeProvider time)
    {
        OpenAiBody body = await ReadAsync(context, runner);
        ChatPlan plan = await runner.PlanAsync(ChatBodyReader.Read(body, $"chatcmpl-{Guid.NewGuid():N}"), context.Features.Get<CaptureSession>(), context.RequestAborted);
        ChatCompletionWriter writer = new(plan, body, runner.Model, runner.Tokenizer, time.GetUtcNow().ToUnixTimeSeconds());
        if (!body.Stream)
            return TypedResults.Json(writer.Whole(await runner.CompleteAsync(plan, context.RequestAborted)), OpenAiJson.Default.ChatCompletion);
        await SendAsync(context, events => StreamAsync(events, runner, plan, body, writer, context.RequestAborted));
        return TypedResults.Empty;
    }

    private static async Task StreamAsync(
        ServerSentEvents events, ChatRunner runner, ChatPlan plan, OpenAiBody body, ChatCompletionWriter writer, CancellationToken gone)
    {
        ChatChoice[] choices = new ChatChoice[plan.Answers.Count];
        await foreach (ChatChoice choice in runner.RunAsync(plan, gone))
        {
            choices[choice.Index] = choice;
            foreach (ChatCompletionChunk piece in writer.Pieces(choice))
                await events.SendAsync(piece, OpenAiJson.Default.ChatCompletionChunk, gone);
        }

        if (body.IncludesUsage)
            await events.SendAsync(writer.Counts(choices), OpenAiJson.Default.ChatCompletionChunk, gone);
    }

    private static async Task<IResult> CompleteAsync(HttpContext context, ChatRunner runner, TimeProvider time)
    {
        OpenAiBody body = await ReadAsync(context, runner);
        TextCompletionRun run = new(body, runner, time.GetUtcNow().ToUnixTimeSeconds());
        if (!body.Stream)
            return TypedResults.Json(await run.CompleteAsync(context.RequestAborted), OpenAiJson.Default.TextCompletion);
        await SendAsync(context, events => run.StreamAsync(events, context.RequestAborted));
        return TypedResults.Empty;
    }

    private static async Task<OpenAiBody> ReadAsync(HttpContext context, ChatRunner runner)
    {
        OpenAiBody body = new(await JsonBody.ReadAsync(context.Request));
        body.CheckModel(runner.Model, TakesAnyModel(context));
        return body;
    }

    /// <summary>Whether the endpoint was mapped by settings that let clients name whatever model they like.</summary>
    public static bool TakesAnyModel(HttpContext context) => context.GetEndpoint()!.Metadata.GetRequiredMetadata<ChatDialectSettings>().AnyModel;

    /// <summary>Sends a stream to its end; an engine that is lost in the middle is the last event of it.</summary>
    public static async Task SendAsync(HttpContext context, Func<ServerSentEvents, Task> stream)
    {
        ServerSentEvents events = new(context.Response);
        try
        {
            await stream(events);
            await events.SendDoneAsync(context.RequestAborted);
        }
        catch (EngineException exception) when (context.Response.HasStarted)
        {
            OpenAiError error = OpenAiErrors.Of(StatusCodes.Status503ServiceUnavailable, ProblemCodes.EngineFailed, exception.Message);
            await events.SendAsync(error, OpenAiJson.Default.OpenAiError, context.RequestAborted);
        }
    }

    private static ServedModel Now(ServedModel served, EngineModel model) => served with
    {
        Agentrollout = new EngineFacts(model.Name, model.VocabularySize, model.ContextLength, model.StopTokenIds, model.WeightVersion),
    };

    private static JsonHttpResult<ServedModel> Find(string id, IReadOnlyList<ServedModel> served) => served.FirstOrDefault(model => model.Id == id) is { } found
        ? TypedResults.Json(found, OpenAiJson.Default.ServedModel)
        : throw new InvalidInputException(ProblemCodes.UnknownModel, $"Model '{id}' is unknown; known models: {string.Join(", ", served.Select(model => model.Id))}.");
}
