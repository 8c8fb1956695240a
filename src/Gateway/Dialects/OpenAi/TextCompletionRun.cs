using System.Globalization;
using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>One request of <c>/v1/completions</c>: prompts as texts or token ids, each with its answers.</summary>
internal sealed class TextCompletionRun
{
    /// <summary>What the protocol means where nothing is said.</summary>
    private const int DefaultMaxTokens = 16;

    private const int MaxPrompts = 1_024;

    private static readonly (string Name, string Reason)[] _refused =
    [
        ("echo", "answers do not repeat their prompts"),
        ("suffix", "text is continued at its end only"),
    ];

    private readonly OpenAiBody _body;
    private readonly ChatRunner _runner;
    private readonly long _created;
    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";
    private readonly ChatPlan[] _plans;

    /// <summary>Reads and checks the request.</summary>
    /// <exception cref="Errors.InvalidInputException">It cannot be honoured.</exception>
    public TextCompletionRun(OpenAiBody body, ChatRunner runner, long created)
    {
        (_body, _runner, _created) = (body, runner, created);
        body.Refuse(_refused);
        JsonElement prompt = body["prompt"] ?? throw DialectValues.Invalid("The body has no 'prompt'.");
        _plans = [.. ReadPrompts(prompt).Select(tokens => runner.Plan(CallOf(tokens)))];
    }

    private int Choices => _plans[0].Call.Choices;

    /// <summary>All answers.</summary>
    public async Task<TextCompletion> CompleteAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<ChatChoice>[] answers = await Task.WhenAll(_plans.Select(plan => _runner.CompleteAsync(plan, cancellationToken)));
        return new TextCompletion(_id, _created, _runner.Model, [.. answers.SelectMany((choices, prompt) => choices.Select(choice => Whole(choice, prompt)))])
        {
            Usage = new Usage(_plans.Sum(plan => plan.Prompt.Length), answers.Sum(choices => choices.Sum(choice => choice.Answer.Tokens.Count))),
            Metadata = new AnswerMetadata(answers[0][0].Answer.WeightLabel),
        };
    }

    /// <summary>The answers piece by piece, prompt after prompt.</summary>
    public async Task StreamAsync(ServerSentEvents events, CancellationToken cancellationToken)
    {
        int sampled = 0;
        for (int prompt = 0; prompt < _plans.Length; prompt++)
        {
            int[] reported = new int[Choices];
            await foreach (ChatChoice choice in _runner.RunAsync(_plans[prompt], cancellationToken))
            {
                TextChoice piece = Piece(choice, prompt, reported[choice.Index]);
                sampled += choice.Answer.Tokens.Count - reported[choice.Index];
                reported[choice.Index] = choice.Answer.Tokens.Count;
                await events.SendAsync(new TextCompletion(_id, _created, _runner.Model, [piece]), OpenAiJson.Default.TextCompletion, cancellationToken);
            }
        }

        if (_body.IncludesUsage)
        {
            TextCompletion counts = new(_id, _created, _runner.Model, []) { Usage = new Usage(_plans.Sum(plan => plan.Prompt.Length), sampled) };
            await events.SendAsync(counts, OpenAiJson.Default.TextCompletion, cancellationToken);
        }
    }

    private List<ReadOnlyMemory<int>> ReadPrompts(JsonElement prompt)
    {
        if (prompt.ValueKind == JsonValueKind.String)
            return [Encode(prompt.GetString()!)];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0)
            throw DialectValues.Invalid("'prompt' must be a text, a list of texts, a list of token ids, or a list of such lists.");
        if (prompt[0].ValueKind == JsonValueKind.Number)
            return [DialectValues.Ints("prompt", prompt).ToArray()];
        if (prompt.GetArrayLength() > MaxPrompts)
            throw DialectValues.Invalid($"'prompt' has {prompt.GetArrayLength()} prompts; at most {MaxPrompts} are taken at once.");
        return [.. prompt.EnumerateArray().Select(one => (ReadOnlyMemory<int>)(one.ValueKind == JsonValueKind.Array
            ? DialectValues.Ints("prompt", one).ToArray()
            : Encode(DialectValues.Text("prompt", one))))];
    }

    private int[] Encode(string prompt) => PromptText.Encode(_runner.Tokenizer, prompt, _body.Bool("add_special_tokens"));

    private ChatCall CallOf(ReadOnlyMemory<int> prompt) => new()
    {
        Id = _id,
        Prompt = prompt,
        ReadsTurns = false,
        SkipsSpecialTokens = _body.Bool("skip_special_tokens") ?? true,
        Choices = _body.Choices,
        Sampling = _body.Sampling,
        MaxNewTokens = _body.Int("max_tokens") ?? DefaultMaxTokens,
        Seed = _body.Seed,
        StopTexts = _body.Stop,
        StopTokenIds = _body.StopTokenIds,
        IgnoresEnds = _body.Bool("ignore_eos") ?? false,
        KeepsStop = _body.KeepsStop,
        TopLogprobs = _body.Count("logprobs") ?? 0,
        PromptLogprobs = _body.PromptLogprobs,
        Priority = _body.Int("priority") ?? 0,
    };

    private TextChoice Whole(ChatChoice choice, int prompt) => With(new TextChoice(
        (prompt * Choices) + choice.Index, choice.Content, LogprobsOf(choice, 0), FinishReasonOf(choice)), choice, prompt, 0);

    private TextChoice Piece(ChatChoice choice, int prompt, int from)
    {
        string text = string.Concat(choice.TakeDeltas().OfType<ContentDelta>().Select(delta => delta.Text));
        return With(new TextChoice((prompt * Choices) + choice.Index, text, LogprobsOf(choice, from), FinishReasonOf(choice)), choice, prompt, from);
    }

    private TextChoice With(TextChoice answer, ChatChoice choice, int prompt, int from) => answer with
    {
        StopReason = (object?)choice.Answer.Finish?.StopText ?? choice.Answer.Finish?.StopToken,
        PromptTokenIds = _body.ReturnsTokenIds && from == 0 ? _plans[prompt].Prompt.ToArray() : null,
        TokenIds = _body.ReturnsTokenIds ? [.. choice.Answer.Tokens.Skip(from)] : null,
        PromptLogprobs = _body.PromptLogprobs is { } count && choice.Index == 0 ? PromptLogprob.Of(choice.Answer, count, _runner.Tokenizer) : null,
    };

    private static string? FinishReasonOf(ChatChoice choice) => choice.Answer.Finish?.Kind switch
    {
        null => null,
        FinishKind.Length => "length",
        FinishKind.Abort => "abort",
        _ => "stop",
    };

    private TextLogprobs? LogprobsOf(ChatChoice choice, int from)
    {
        if (_body["logprobs"] is null)
            return null;
        DialectAnswer answer = choice.Answer;
        List<string> tokens = [];
        List<int> offsets = [];
        List<Dictionary<string, float>> top = [];
        int offset = answer.Tokens.Take(from).Sum(token => Spell(token).Length);
        for (int i = from; i < answer.Tokens.Count; i++)
        {
            tokens.Add(Spell(answer.Tokens[i]));
            offsets.Add(offset);
            offset += tokens[^1].Length;
            // Different tokens may have the same text; the likelier one counts.
            Dictionary<string, float> likely = [];
            foreach (TokenLogprob token in answer.Top.Count == 0 ? [] : answer.Top[i].Span[.._plans[0].Call.TopLogprobs])
                likely.TryAdd(Spell(token.Token), token.Logprob);
            top.Add(likely);
        }

        return new TextLogprobs(tokens, [.. answer.ReportedLogprobs().Skip(from)], top, offsets);
    }

    private string Spell(int token) => _body.SpellsTokensAsIds
        ? string.Create(CultureInfo.InvariantCulture, $"token_id:{token}")
        : _runner.Tokenizer.Decode([token]);
}
