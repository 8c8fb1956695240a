using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Gateway.Errors;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Dialects.OpenAi.Embeddings;

/// <summary><c>/v1/embeddings</c>: the vectors of texts.</summary>
internal static class EmbeddingsEndpoint
{
    /// <summary>As many as OpenAI takes.</summary>
    private const int MaxInputs = 2_048;

    private static readonly (string Name, string Reason)[] _refused =
    [
        ("messages", "give texts as 'input'"),
        ("truncate_prompt_tokens", "texts are not cut"),
        ("mm_processor_kwargs", "the model reads text only"),
    ];

    public static async Task<IResult> EmbedAsync(HttpContext context, [FromServices] EmbeddingModel? model)
    {
        JsonBody body = new(await JsonBody.ReadAsync(context.Request));
        if (model is null)
            throw new InvalidInputException(ProblemCodes.NotConfigured, "No embedding model is served; 'embedding_model' names its folder.");
        body.CheckModel(model.Name, OpenAiEndpoints.TakesAnyModel(context));
        body.Refuse(_refused);
        string format = body.Text("encoding_format") ?? "float";
        if (format is not ("float" or "base64"))
            throw DialectValues.Invalid($"'encoding_format' is '{format}'; known formats: float, base64.");
        int? dimensions = body.Int("dimensions");
        model.CheckDimensions(dimensions);
        IReadOnlyList<int[]> inputs = ReadInputs(body, model);
        float[][] vectors = await Task.WhenAll(inputs.Select((tokens, index) => model.EmbedAsync($"embedding-{index}", tokens, dimensions, context.RequestAborted)));
        int count = inputs.Sum(tokens => tokens.Length);
        return TypedResults.Json(
            new EmbeddingList([.. vectors.Select((vector, index) => new Embedding(index, Write(vector, format)))], model.Name, new EmbeddingUsage(count, count)),
            OpenAiJson.Default.EmbeddingList);
    }

    private static List<int[]> ReadInputs(JsonBody body, EmbeddingModel model)
    {
        JsonElement input = body["input"] ?? throw DialectValues.Invalid("The body has no 'input'.");
        bool? addsSpecialTokens = body.Bool("add_special_tokens");
        if (input.ValueKind != JsonValueKind.Array || IsIds(input))
            return [Read("input", input, addsSpecialTokens, model)];
        if (input.GetArrayLength() is < 1 or > MaxInputs)
            throw DialectValues.Invalid($"'input' has {input.GetArrayLength()} texts; 1 to {MaxInputs} are taken at once.");
        return [.. input.EnumerateArray().Select((one, index) => Read($"input[{index}]", one, addsSpecialTokens, model))];
    }

    private static bool IsIds(JsonElement input) => input.GetArrayLength() > 0 && input[0].ValueKind == JsonValueKind.Number;

    private static int[] Read(string name, JsonElement input, bool? addsSpecialTokens, EmbeddingModel model)
    {
        int[] tokens = input.ValueKind == JsonValueKind.Array
            ? [.. DialectValues.Ints(name, input)]
            : PromptText.Encode(model.Tokenizer, DialectValues.Text(name, input), addsSpecialTokens);
        model.Check(tokens, name);
        return tokens;
    }

    /// <summary>Numbers, or the bytes of little-endian 32-bit floats.</summary>
    private static object Write(float[] vector, string format) =>
        format == "base64" ? Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())) : vector;
}

/// <summary>The answer of <c>/v1/embeddings</c>.</summary>
internal sealed record EmbeddingList(IReadOnlyList<Embedding> Data, string Model, EmbeddingUsage Usage)
{
    public string Object { get; } = "list";
}

/// <summary>A vector.</summary>
/// <param name="Index">Of its text.</param>
/// <param name="Vector">A list of numbers, or base64.</param>
internal sealed record Embedding(int Index, [property: JsonPropertyName("embedding")] object Vector)
{
    public string Object { get; } = "embedding";
}

/// <summary>Counts of tokens.</summary>
internal sealed record EmbeddingUsage(int PromptTokens, int TotalTokens);
