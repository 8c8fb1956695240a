using System.Buffers;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary><c>/generate</c>: tokens or text in, tokens, log-probabilities and text out, at once or as a stream.</summary>
internal sealed class GenerateEndpoint(DialectRunner runner, Policy policy, GatewayOptions options, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context)
    {
        GenerateBody body = await SglangJson.ReadAsync(context, SglangJson.Default.GenerateBody);
        GenerateRequest request = GenerateRequest.Read(body, policy.Format.Tokenizer, policy.Engine.Model);
        foreach (DialectCall call in request.Calls)
            runner.Check(call);

        bool isIncremental = body.Agentrollout?.Incremental ?? options.Dialects.Sglang.IncrementalStreamingOutput;
        AnswerWriter[] writers = [.. request.Calls.Select((_, i) => new AnswerWriter(request, i, policy.Format.Tokenizer, isIncremental, time))];
        if (body.Stream == true)
            await StreamAsync(context, request, writers);
        else
            await AnswerAsync(context, request, writers);
    }

    private async Task AnswerAsync(HttpContext context, GenerateRequest request, AnswerWriter[] writers)
    {
        DialectAnswer[] answers = new DialectAnswer[request.Calls.Count];
        await AllAsync(request, async (i, cancellationToken) =>
        {
            await foreach (DialectAnswer answer in runner.RunAsync(request.Calls[i], cancellationToken))
                answers[i] = answer;
        }, context.RequestAborted);
        await SglangResponse.WriteValueAsync(context, json =>
        {
            if (request.IsList)
                json.WriteStartArray();
            for (int i = 0; i < answers.Length; i++)
                writers[i].Write(json, answers[i], isPiece: false);
            if (request.IsList)
                json.WriteEndArray();
        });
    }

    private async Task StreamAsync(HttpContext context, GenerateRequest request, AnswerWriter[] writers)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        using SemaphoreSlim turn = new(1, 1);
        try
        {
            await AllAsync(request, async (i, cancellationToken) =>
            {
                await foreach (DialectAnswer answer in runner.RunAsync(request.Calls[i], cancellationToken))
                    await SendAsync(context, turn, json => writers[i].Write(json, answer, isPiece: true), cancellationToken);
            }, context.RequestAborted);
        }
        catch (EngineException exception)
        {
            SglangError error = SglangError.Of(StatusCodes.Status503ServiceUnavailable, exception.Message);
            await SendAsync(context, turn, json => JsonSerializer.Serialize(json, error, SglangJson.Default.SglangError), context.RequestAborted);
        }

        await context.Response.BodyWriter.WriteAsync("data: [DONE]\n\n"u8.ToArray(), context.RequestAborted);
    }

    /// <summary>Runs all calls at once; the first that fails ends the others.</summary>
    private static async Task AllAsync(GenerateRequest request, Func<int, CancellationToken, Task> run, CancellationToken cancellationToken)
    {
        if (request.Calls.Count == 1)
        {
            await run(0, cancellationToken);
            return;
        }

        await Parallel.ForAsync(
            0, request.Calls.Count, new ParallelOptions { MaxDegreeOfParallelism = GenerateRequest.MaxCalls, CancellationToken = cancellationToken },
            async (i, token) => await run(i, token));
    }

    private static async Task SendAsync(HttpContext context, SemaphoreSlim turn, Action<Utf8JsonWriter> write, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            IBufferWriter<byte> body = context.Response.BodyWriter;
            body.Write("data: "u8);
            using (Utf8JsonWriter json = new(body, SglangResponse.Options))
                write(json);
            body.Write("\n\n"u8);
            await context.Response.BodyWriter.FlushAsync(cancellationToken);
        }
        finally
        {
            turn.Release();
        }
    }
}
