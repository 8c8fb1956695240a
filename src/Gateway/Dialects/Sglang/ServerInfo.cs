using System.Reflection;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>What the server is, whether it works, and how much it has to do.</summary>
internal sealed class ServerInfo(Policy policy, GatewayOptions options, LiveCalls calls, WeightLabels labels, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly string _version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);

    private LocalEngine? Local => policy.Engine as LocalEngine;

    private string ModelPath => options.Model ?? policy.Name;

    /// <summary><c>/health</c>: the server answers.</summary>
    public static Task HealthAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status200OK;
        return Task.CompletedTask;
    }

    /// <summary><c>/health_generate</c>: the engine gives a token. A pause is no illness.</summary>
    public async Task HealthGenerateAsync(HttpContext context)
    {
        if (Local is { IsPaused: true })
            return;
        using CancellationTokenSource patience = new(Patience, time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, context.RequestAborted);
        GenerationRequest request = new() { Id = "health", Tokens = (int[])[0], MaxNewTokens = 1, Sampling = new SamplingParams(Temperature: 0) };
        try
        {
            await foreach (TokenChunk _ in policy.Engine.GenerateAsync(request, either.Token))
            {
            }
        }
        catch (Exception exception) when (exception is EngineException || (exception is OperationCanceledException && patience.IsCancellationRequested))
        {
            throw new EngineException("The engine gave no token in time.", exception);
        }
    }

    /// <summary><c>/get_model_info</c>, <c>/model_info</c>.</summary>
    public Task ModelAsync(HttpContext context) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteString("model_path", ModelPath);
        json.WriteString("tokenizer_path", ModelPath);
        json.WriteBoolean("is_generation", true);
        json.WriteNull("preferred_sampling_params");
        json.WriteString("weight_version", labels.Current);
        json.WriteBoolean("has_image_understanding", false);
        json.WriteBoolean("has_audio_understanding", false);
        WriteOwn(json);
    });

    /// <summary><c>/get_server_info</c>, <c>/server_info</c>.</summary>
    public Task ServerAsync(HttpContext context) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteString("model_path", ModelPath);
        json.WriteString("tokenizer_path", ModelPath);
        json.WriteString("served_model_name", policy.Name);
        json.WriteNumber("context_length", policy.Engine.Model.ContextLength);
        json.WriteBoolean("incremental_streaming_output", options.Dialects.Sglang.IncrementalStreamingOutput);
        json.WriteNumber("tp_size", (policy.Engine as IWeightGroupMember)?.Workers ?? 1);
        json.WriteNumber("dp_size", 1);
        json.WriteString("weight_version", labels.Current);
        json.WriteString("version", _version);
        if (Local is not null)
        {
            json.WriteNumber("max_running_requests", options.Engine.MaxRunningSequences);
            json.WriteNumber("max_total_num_tokens", MaxTokens(Local.Statistics));
        }

        json.WriteStartArray("internal_states");
        json.WriteStartObject();
        WriteLoad(json);
        json.WriteEndObject();
        json.WriteEndArray();
        WriteOwn(json);
    });

    /// <summary><c>/get_load</c>: one entry for each rank, of which there is one.</summary>
    public Task LoadAsync(HttpContext context) => SglangResponse.WriteValueAsync(context, WriteLoads);

    /// <summary><c>/v1/loads</c>.</summary>
    public Task LoadsAsync(HttpContext context) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteNumber("timestamp", time.GetUtcNow().ToUnixTimeMilliseconds() / 1_000.0);
        json.WriteString("version", _version);
        json.WritePropertyName("loads");
        WriteLoads(json);
    });

    private void WriteLoads(Utf8JsonWriter json)
    {
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteNumber("dp_rank", 0);
        WriteLoad(json);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private void WriteLoad(Utf8JsonWriter json)
    {
        (int running, int waiting) = Requests();
        json.WriteNumber("num_reqs", running + waiting);
        json.WriteNumber("num_total_reqs", running + waiting);
        json.WriteNumber("num_running_reqs", running);
        json.WriteNumber("num_waiting_reqs", waiting);
        if (Local is { Statistics: var statistics })
        {
            json.WriteNumber("num_tokens", statistics.PagesInUse * LocalEngine.PageTokens);
            json.WriteNumber("max_total_num_tokens", MaxTokens(statistics));
            json.WriteNumber("token_usage", (double)statistics.PagesInUse / statistics.PagesTotal);
        }
    }

    private static int MaxTokens(EngineStatistics statistics) => statistics.PagesTotal * LocalEngine.PageTokens;

    /// <summary>What this server's own client wants to know beyond the protocol.</summary>
    private void WriteOwn(Utf8JsonWriter json)
    {
        EngineModel model = policy.Engine.Model;
        json.WriteStartObject("agentrollout");
        json.WriteString("model", model.Name);
        json.WriteNumber("vocabulary_size", model.VocabularySize);
        json.WriteNumber("context_length", model.ContextLength);
        json.WriteNumber("weight_version", model.WeightVersion);
        json.WriteStartArray("stop_token_ids");
        foreach (int token in model.StopTokenIds)
            json.WriteNumberValue(token);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>All of the engine's work; of another engine what this server gave it.</summary>
    private (int Running, int Waiting) Requests() => Local is { Statistics: var statistics } ? (statistics.Running, statistics.Waiting) : (calls.Count, 0);
}
