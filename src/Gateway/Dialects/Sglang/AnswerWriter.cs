using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>
/// Writes an answer as SGLang does. Numbers are written in the shortest form that reads back to the same bits, so nothing is lost on the way.
/// </summary>
/// <param name="request">What was asked.</param>
/// <param name="index">Which answer of the request.</param>
/// <param name="tokenizer">For the texts of tokens.</param>
/// <param name="isIncremental">Whether pieces hold what is new since the last.</param>
/// <param name="time">For the latency.</param>
internal sealed class AnswerWriter(GenerateRequest request, int index, Tokenizer tokenizer, bool isIncremental, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private int _tokens;
    private int _text;

    /// <summary>Writes what there is: all of it, or what is new.</summary>
    /// <param name="json">Gets one object.</param>
    /// <param name="answer">The answer so far.</param>
    /// <param name="isPiece">Whether it is part of a stream.</param>
    public void Write(Utf8JsonWriter json, DialectAnswer answer, bool isPiece)
    {
        int first = isPiece && isIncremental ? _tokens : 0, from = isPiece && isIncremental ? _text : 0;
        int text = answer.Text.Certain;
        json.WriteStartObject();
        json.WriteString("text", answer.Text.Slice(from, text));
        json.WriteStartArray("output_ids");
        for (int i = first; i < answer.Tokens.Count; i++)
            json.WriteNumberValue(answer.Tokens[i]);
        json.WriteEndArray();
        if (request.Body.ReturnPromptTokenIds == true)
            WritePrompt(json, answer.Call.Tokens.Span);
        WriteMeta(json, answer, first);
        if (isPiece && request.IsList)
            json.WriteNumber("index", index);
        json.WriteEndObject();
        (_tokens, _text) = (answer.Tokens.Count, text);
    }

    private static void WritePrompt(Utf8JsonWriter json, ReadOnlySpan<int> tokens)
    {
        json.WriteStartArray("prompt_token_ids");
        foreach (int token in tokens)
            json.WriteNumberValue(token);
        json.WriteEndArray();
    }

    private void WriteMeta(Utf8JsonWriter json, DialectAnswer answer, int first)
    {
        json.WriteStartObject("meta_info");
        json.WriteString("id", answer.Call.Id);
        WriteFinish(json, answer);
        json.WriteNumber("prompt_tokens", answer.Call.Tokens.Length);
        json.WriteNumber("completion_tokens", answer.Tokens.Count);
        if (answer.CachedTokens is { } cached)
            json.WriteNumber("cached_tokens", cached);
        json.WriteString("weight_version", answer.WeightLabel);
        if (answer.Versions.Count > 1)
            WriteVersions(json, answer);
        json.WriteNumber("e2e_latency", time.GetElapsedTime(_started).TotalSeconds);
        if (request.ReturnsLogprobs[index])
            WriteLogprobs(json, answer, first);
        if (answer.Call.ReturnsKeptTokens)
            WriteSupport(json, answer, first);
        if (request.Body.Agentrollout is { Details: true })
            WriteDetails(json, answer, first);
        json.WriteEndObject();
    }

    private static void WriteFinish(Utf8JsonWriter json, DialectAnswer answer)
    {
        json.WritePropertyName("finish_reason");
        if (answer.Finish is not { } finish)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteString("type", finish.Kind switch { FinishKind.Stop => "stop", FinishKind.Length => "length", _ => "abort" });
        if (finish.Kind == FinishKind.Length)
            json.WriteNumber("length", answer.Tokens.Count);
        if (finish.StopToken is { } token)
            json.WriteNumber("matched", token);
        if (finish.StopText is { } text)
            json.WriteString("matched", text);
        if (finish.Message is { } message)
            json.WriteString("message", message);
        json.WriteEndObject();
    }

    private static void WriteVersions(Utf8JsonWriter json, DialectAnswer answer)
    {
        json.WriteStartArray("weight_versions");
        foreach (VersionSpan span in answer.Versions)
        {
            json.WriteStartObject();
            json.WriteString("version", span.Label);
            json.WriteNumber("start", span.Start);
            json.WriteNumber("end", span.End);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void WriteLogprobs(Utf8JsonWriter json, DialectAnswer answer, int first)
    {
        DialectCall call = answer.Call;
        int start = call.PromptLogprobsFrom!.Value;
        IReadOnlyList<ScoredToken> prompt = answer.Prompt ?? [];
        json.WriteStartArray("input_token_logprobs");
        WriteTriple(json, null, call.Tokens.Span[start]);
        foreach (ScoredToken token in prompt)
            WriteTriple(json, token.Logprob, token.Token);
        json.WriteEndArray();

        json.WriteStartArray("output_token_logprobs");
        for (int i = first; i < answer.Tokens.Count; i++)
            WriteTriple(json, answer.ReportedLogprobs()[i], answer.Tokens[i]);
        json.WriteEndArray();
        json.WriteNumber("output_token_logprobs_length", answer.Tokens.Count);

        if (call.TopLogprobs > 0)
        {
            WritePlaces(json, "input_top_logprobs", prompt.Select(token => token.Top), hasFirst: true, WriteTop);
            WritePlaces(json, "output_top_logprobs", answer.Top.Skip(first), hasFirst: false, WriteTop);
        }

        if (call.WatchedTokenIds.Count > 0)
        {
            WritePlaces(json, "input_token_ids_logprobs", prompt.Select(token => token.Watched), hasFirst: true, WriteWatched);
            WritePlaces(json, "output_token_ids_logprobs", answer.Watched.Skip(first), hasFirst: false, WriteWatched);
        }

        void WriteWatched(ReadOnlyMemory<float> logprobs)
        {
            for (int i = 0; i < logprobs.Length; i++)
                WriteTriple(json, logprobs.Span[i], call.WatchedTokenIds[i]);
        }

        void WriteTop(ReadOnlyMemory<TokenLogprob> top)
        {
            foreach (TokenLogprob entry in top.Span)
                WriteTriple(json, entry.Logprob, entry.Token);
        }
    }

    /// <summary>A list for each place; the first of a prompt, which nothing predicts, has null.</summary>
    private static void WritePlaces<T>(Utf8JsonWriter json, string name, IEnumerable<T> places, bool hasFirst, Action<T> write)
    {
        json.WriteStartArray(name);
        if (hasFirst)
            json.WriteNullValue();
        foreach (T place in places)
        {
            json.WriteStartArray();
            write(place);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private void WriteTriple(Utf8JsonWriter json, float? logprob, int token)
    {
        json.WriteStartArray();
        WriteLogprob(json, logprob);
        json.WriteNumberValue(token);
        if (request.Body.ReturnTextInLogprobs == true)
            json.WriteStringValue(tokenizer.Decode([token]));
        else
            json.WriteNullValue();
        json.WriteEndArray();
    }

    private static void WriteSupport(Utf8JsonWriter json, DialectAnswer answer, int first)
    {
        json.WriteStartArray("output_token_sampling_mask");
        foreach (ReadOnlyMemory<int> kept in answer.Kept.Skip(first))
        {
            json.WriteStartArray();
            foreach (int token in kept.Span)
                json.WriteNumberValue(token);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        WriteFloats(json, "output_token_sampling_logprobs", answer.SamplingLogprobs, first);
        json.WriteNumber("output_token_sampling_mask_length", answer.Tokens.Count);
    }

    private static void WriteDetails(Utf8JsonWriter json, DialectAnswer answer, int first)
    {
        json.WriteStartObject("agentrollout");
        json.WriteNumber("weight_version", answer.WeightVersion);
        WriteFloats(json, "raw_logprobs", answer.RawLogprobs, first);
        if (!answer.Call.Sampling.IsRaw)
            WriteFloats(json, "sampling_logprobs", answer.SamplingLogprobs, first);
        if (answer.Timings is { } timings)
        {
            json.WriteNumber("queue_seconds", timings.Queue.TotalSeconds);
            json.WriteNumber("prefill_seconds", timings.Prefill.TotalSeconds);
            json.WriteNumber("decode_seconds", timings.Decode.TotalSeconds);
        }

        if (answer.EngineFinish is { } finish)
            json.WriteString("finish", finish.ToString().ToLowerInvariant());
        json.WriteEndObject();
    }

    private static void WriteFloats(Utf8JsonWriter json, string name, IReadOnlyList<float> values, int first)
    {
        json.WriteStartArray(name);
        for (int i = first; i < values.Count; i++)
            WriteLogprob(json, values[i]);
        json.WriteEndArray();
    }

    /// <summary>JSON has no infinity: what cannot be drawn has null.</summary>
    private static void WriteLogprob(Utf8JsonWriter json, float? logprob)
    {
        if (logprob is { } value && float.IsFinite(value))
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }
}
