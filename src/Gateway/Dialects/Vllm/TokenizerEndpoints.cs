using System.Text.Json.Serialization;
using AgentRollout.Environments;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary><c>/tokenize</c> and <c>/detokenize</c>, in the words of vLLM and, where they differ, in those of SGLang beside them.</summary>
internal static class TokenizerEndpoints
{
    /// <summary>The tokens of a <c>prompt</c>, or of <c>messages</c> as the chat template renders them.</summary>
    public static async Task<IResult> TokenizeAsync(HttpContext context, ChatRunner runner, Policy policy)
    {
        OpenAiBody body = new(await JsonBody.ReadAsync(context.Request));
        body.CheckModel(runner.Model, OpenAiEndpoints.TakesAnyModel(context));
        int[] tokens = body.Text("prompt") is { } prompt
            ? PromptText.Encode(runner.Tokenizer, prompt, body.Bool("add_special_tokens"))
            : runner.PromptOf(ChatBodyReader.Read(body, "tokenize") with { ReadsTurns = false }).ToArray();
        TokenizedPrompt answer = new(tokens.Length, policy.Engine.Model.ContextLength, tokens)
        {
            TokenStrs = body.Bool("return_token_strs") == true ? [.. tokens.Select(runner.Tokenizer.Describe)] : null,
        };
        return TypedResults.Json(answer, VllmJson.Default.TokenizedPrompt);
    }

    /// <summary>The text of <c>tokens</c>.</summary>
    public static async Task<IResult> DetokenizeAsync(HttpContext context, ChatRunner runner, Policy policy)
    {
        JsonBody body = new(await JsonBody.ReadAsync(context.Request));
        body.CheckModel(runner.Model, OpenAiEndpoints.TakesAnyModel(context));
        IReadOnlyList<int> tokens = DialectValues.Ints("tokens", body["tokens"] ?? throw DialectValues.Invalid("The body has no 'tokens'."));
        int size = policy.Engine.Model.VocabularySize;
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)size)
                throw DialectValues.Invalid($"'tokens' has the id {token}; ids of '{policy.Name}' are 0 to {size - 1}.");
        }

        return TypedResults.Json(new DetokenizedText(runner.Tokenizer.Decode([.. tokens])), VllmJson.Default.DetokenizedText);
    }
}

/// <param name="Count">Tokens.</param>
/// <param name="MaxModelLen">Most tokens of prompt and answer together.</param>
/// <param name="Tokens">Their ids.</param>
internal sealed record TokenizedPrompt(int Count, int MaxModelLen, IReadOnlyList<int> Tokens)
{
    /// <summary>The tokens for display; null where nobody asked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? TokenStrs { get; init; }
}

/// <param name="Prompt">The text, where clients of vLLM look.</param>
internal sealed record DetokenizedText(string Prompt)
{
    /// <summary>The text, where those of SGLang do.</summary>
    public string Text => Prompt;
}
