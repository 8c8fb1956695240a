using System.Globalization;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>Answers of one chat call in the protocol's words, whole or piece by piece.</summary>
internal sealed class ChatCompletionWriter(ChatPlan plan, OpenAiBody body, string model, Tokenizer tokenizer, long created)
{
    private readonly bool _hasLogprobs = body.Bool("logprobs") ?? false;
    private readonly int[]? _prompt = body.ReturnsTokenIds ? plan.Prompt.ToArray() : null;
    private readonly int[] _reported = new int[plan.Answers.Count]; // tokens of each choice that pieces have had
    private readonly bool[] _isOpen = new bool[plan.Answers.Count];
    private bool _isFirst = true;

    /// <summary>All answers at once.</summary>
    public ChatCompletion Whole(IReadOnlyList<ChatChoice> choices) => new(
        plan.Call.Id, created, model, [.. choices.Select(Whole)], UsageOf(choices), new AnswerMetadata(choices[0].Answer.WeightLabel))
    {
        PromptTokenIds = _prompt,
        PromptLogprobs = plan.Call.PromptLogprobs is { } count ? PromptLogprob.Of(choices[0].Answer, count, tokenizer) : null,
    };

    /// <summary>What a choice has grown by, one piece for each of its parts, since clients look at the first choice of a piece only; often none.</summary>
    public IEnumerable<ChatCompletionChunk> Pieces(ChatChoice choice)
    {
        bool isEnd = choice.Answer.Finish is not null;
        List<MessageDelta> deltas = [.. DeltasOf(choice)];
        if (deltas is [] && isEnd)
            deltas.Add(new MessageDelta());
        for (int i = 0; i < deltas.Count; i++)
        {
            ChunkChoice piece = new(choice.Index, deltas[i], Logprobs: null, FinishReason: null) { PromptTokenIds = _isFirst ? _prompt : null };
            yield return new ChatCompletionChunk(plan.Call.Id, created, model, [i < deltas.Count - 1 ? piece : WithTokens(piece, choice)])
            {
                PromptTokenIds = _isFirst ? _prompt : null,
                Metadata = isEnd && i == deltas.Count - 1 ? new AnswerMetadata(choice.Answer.WeightLabel) : null,
            };
            _isFirst = false;
        }
    }

    /// <summary>The last piece of a stream that is to end with the counts.</summary>
    public ChatCompletionChunk Counts(IReadOnlyList<ChatChoice> choices) => new(plan.Call.Id, created, model, []) { Usage = UsageOf(choices) };

    private ChunkChoice WithTokens(ChunkChoice piece, ChatChoice choice)
    {
        int from = _reported[choice.Index];
        _reported[choice.Index] = choice.Answer.Tokens.Count;
        bool isEnd = choice.Answer.Finish is not null;
        return piece with
        {
            FinishReason = isEnd ? FinishReasonOf(choice) : null,
            MatchedStop = isEnd ? MatchedStop(choice) : null,
            Logprobs = _hasLogprobs ? LogprobsOf(choice, from) : null,
            TokenIds = _prompt is null ? null : [.. choice.Answer.Tokens.Skip(from)],
        };
    }

    private ChatCompletionChoice Whole(ChatChoice choice) => new(
        choice.Index,
        new AssistantMessage(choice.Content.Length == 0 && choice.Calls.Count > 0 ? null : choice.Content)
        {
            ReasoningContent = choice.Reasoning,
            ToolCalls = choice.Calls is [] ? null : [.. choice.Calls.Select((call, index) => CallOf(choice, index, call.Name, call.ArgumentsText))],
        },
        _hasLogprobs ? LogprobsOf(choice, 0) : null,
        FinishReasonOf(choice))
    {
        MatchedStop = MatchedStop(choice),
        TokenIds = _prompt is null ? null : choice.Answer.Tokens,
        PromptTokenIds = _prompt,
    };

    private IEnumerable<MessageDelta> DeltasOf(ChatChoice choice)
    {
        if (!_isOpen[choice.Index])
        {
            _isOpen[choice.Index] = true;
            yield return new MessageDelta { Role = "assistant", Content = "" };
        }

        foreach (TurnDelta delta in choice.TakeDeltas())
        {
            switch (delta)
            {
                case ContentDelta content:
                    yield return new MessageDelta { Content = content.Text };
                    break;
                case ReasoningDelta reasoning:
                    yield return new MessageDelta { ReasoningContent = reasoning.Text };
                    break;
                case CallStarted started:
                    yield return new MessageDelta { ToolCalls = [CallOf(choice, started.Index, started.Name, "")] };
                    break;
                case ArgumentsDelta arguments:
                    yield return new MessageDelta { ToolCalls = [new AnsweredCall(arguments.Index, new AnsweredFunction(Name: null, arguments.Text))] };
                    break;
            }
        }
    }

    private static AnsweredCall CallOf(ChatChoice choice, int index, string? name, string arguments) =>
        new(index, new AnsweredFunction(name, arguments)) { Id = choice.CallId("call_", index), Type = "function" };

    /// <summary>Why an answer ended, in the protocol's words.</summary>
    private static string FinishReasonOf(ChatChoice choice) => choice.Answer.Finish!.Kind switch
    {
        FinishKind.Length => "length",
        FinishKind.Abort => "abort",
        _ => choice.Calls.Count > 0 ? "tool_calls" : "stop",
    };

    private static object? MatchedStop(ChatChoice choice) =>
        (object?)choice.Answer.Finish!.StopText ?? choice.Answer.Finish.StopToken;

    private Usage UsageOf(IReadOnlyList<ChatChoice> choices) => new(plan.Prompt.Length, choices.Sum(choice => choice.Answer.Tokens.Count))
    {
        PromptTokensDetails = choices[0].Answer.CachedTokens is { } cached ? new PromptTokensDetails(cached) : null,
    };

    private ChoiceLogprobs LogprobsOf(ChatChoice choice, int from)
    {
        DialectAnswer answer = choice.Answer;
        List<TokenItem> items = [];
        for (int i = from; i < answer.Tokens.Count; i++)
        {
            int token = answer.Tokens[i];
            LikelyToken[] top = answer.Top.Count == 0 ? [] : [.. answer.Top[i].ToArray().Take(plan.Call.TopLogprobs).Select(Likely)];
            items.Add(new TokenItem(Spell(token), answer.ReportedLogprobs()[i], BytesOf(token), top));
        }

        return new ChoiceLogprobs(items);
    }

    private LikelyToken Likely(TokenLogprob token) => new(Spell(token.Token), token.Logprob, BytesOf(token.Token));

    private string Spell(int token) => body.SpellsTokensAsIds
        ? string.Create(CultureInfo.InvariantCulture, $"token_id:{token}")
        : tokenizer.Decode([token]);

    private int[] BytesOf(int token) => Array.ConvertAll(tokenizer.BytesOf(token).ToArray(), value => (int)value);
}
