using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

public sealed class ChatCompletionTests
{
    [Fact]
    public async Task The_pieces_of_a_stream_joined_are_the_whole_answer_however_tokens_come_in_chunks()
    {
        int calls = 0, stopped = 0;
        for (int seed = 0; seed < 400; seed++)
        {
            Random random = new(seed);
            string text = ChatStreams.Text(random);
            ChatCall call = ChatStreams.Call(random, choices: random.Next(1, 3));
            OpenAiBody body = new(JsonElement.Parse("""{"logprobs": true, "return_token_ids": true}"""));
            ChatRunner streaming = ChatStreams.Runner(text, random.Next(1, 8)), complete = ChatStreams.Runner(text, random.Next(1, 8));
            ChatPlan plan = streaming.Plan(call);
            ChatCompletionWriter writer = new(plan, body, "tiny", streaming.Tokenizer, created: 0);
            List<ChatCompletionChunk> pieces = [];
            await foreach (ChatChoice choice in streaming.RunAsync(plan, TestContext.Current.CancellationToken))
                pieces.AddRange(writer.Pieces(choice));
            ChatPlan other = complete.Plan(call);
            ChatCompletion whole = new ChatCompletionWriter(other, body, "tiny", complete.Tokenizer, created: 0)
                .Whole(await complete.CompleteAsync(other, TestContext.Current.CancellationToken));

            Assert.All(pieces, piece => Assert.Single(piece.Choices));
            Assert.Equal(plan.Prompt.ToArray(), pieces[0].PromptTokenIds);
            foreach (ChatCompletionChoice expected in whole.Choices)
            {
                ChunkChoice[] own = [.. pieces.Select(piece => piece.Choices[0]).Where(piece => piece.Index == expected.Index)];
                Assert.Equal((expected.Message.Content ?? "", expected.Message.ReasoningContent ?? ""), (Joined(own, delta => delta.Content), Joined(own, delta => delta.ReasoningContent)));
                Assert.Equal(
                    expected.Message.ToolCalls?.Select(one => (one.Index, one.Function.Name, one.Function.Arguments)) ?? [],
                    own.SelectMany(piece => piece.Delta.ToolCalls ?? []).GroupBy(one => one.Index).OrderBy(group => group.Key)
                        .Select(group => (group.Key, group.First().Function.Name, string.Concat(group.Select(one => one.Function.Arguments)))));
                Assert.Equal(expected.TokenIds, own.SelectMany(piece => piece.TokenIds ?? []));
                Assert.Equal(expected.Logprobs!.Content.Select(item => item.Logprob), own.SelectMany(piece => piece.Logprobs?.Content ?? []).Select(item => item.Logprob));
                Assert.Equal((expected.FinishReason, expected.MatchedStop), (own[^1].FinishReason, own[^1].MatchedStop));
                Assert.All(own[..^1], piece => Assert.Null(piece.FinishReason));
                calls += expected.Message.ToolCalls?.Count ?? 0;
                stopped += expected.MatchedStop is string ? 1 : 0;
                if (expected is { MatchedStop: string stop, Message.ToolCalls: null, Message.ReasoningContent: null })
                    Assert.DoesNotContain(stop, expected.Message.Content, StringComparison.Ordinal);
            }
        }

        Assert.True(calls > 50 && stopped > 50, $"{calls} calls, {stopped} stopped");
    }

    [Theory]
    [InlineData("<|im_start|>assistant\n<think>\n", "a</think>b", "a", "b")]
    [InlineData("<|im_start|>assistant\n<think>\n\n</think>\n\n", "b", null, "b")]
    [InlineData("<|im_start|>assistant\n", "<think>a</think>b", "a", "b")]
    [InlineData("What opens with <think> here?<|im_end|>\n<|im_start|>assistant\n", "b", null, "b")]
    public async Task Reasoning_is_what_the_prompt_or_the_turn_has_opened(string prompt, string text, string? reasoning, string content)
    {
        ChatRunner runner = ChatStreams.Runner(text, chunkSize: 1);
        ChatPlan plan = runner.Plan(new ChatCall { Id = "call", Prompt = ChatStreams.Format.Tokenizer.Encode(prompt) });
        int saidBefore = 0;
        ChatChoice? last = null;
        await foreach (ChatChoice choice in runner.RunAsync(plan, TestContext.Current.CancellationToken))
        {
            last = choice;
            saidBefore += choice.Answer.Finish is null ? choice.TakeDeltas().Count : 0;
        }

        Assert.Equal((reasoning, content), (last!.Reasoning, last.Content));
        Assert.True(saidBefore > 0, "Nothing was said before the end.");
    }

    private static string Joined(IEnumerable<ChunkChoice> pieces, Func<MessageDelta, string?> part) => string.Concat(pieces.Select(piece => part(piece.Delta)));
}
