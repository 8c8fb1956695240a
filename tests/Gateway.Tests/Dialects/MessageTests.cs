using System.Text;
using AgentRollout.Gateway.Dialects.Anthropic;
using AgentRollout.Gateway.Dialects.Chat;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

public sealed class MessageTests
{
    [Fact]
    public async Task The_events_of_a_stream_make_the_whole_message_however_tokens_come_in_chunks()
    {
        int calls = 0, thoughts = 0;
        for (int seed = 0; seed < 400; seed++)
        {
            Random random = new(seed);
            string text = ChatStreams.Text(random);
            ChatCall call = ChatStreams.Call(random);
            ChatRunner streaming = ChatStreams.Runner(text, random.Next(1, 8)), complete = ChatStreams.Runner(text, random.Next(1, 8));
            ChatPlan plan = streaming.Plan(call);
            MessageWriter writer = new(plan, "tiny");
            List<MessageEvent> events = [];
            await foreach (ChatChoice choice in streaming.RunAsync(plan, TestContext.Current.CancellationToken))
                events.AddRange(writer.Events(choice));
            ChatPlan other = complete.Plan(call);
            Message whole = new MessageWriter(other, "tiny").Whole((await complete.CompleteAsync(other, TestContext.Current.CancellationToken))[0]);

            Assert.Equal(whole.Content.Select(Spelled), Blocks(events));
            Assert.Equal(["message_delta", "message_stop"], events[^2..].Select(one => one.Type));
            Assert.Equal((new MessageEnd(whole.StopReason!, whole.StopSequence), whole.Usage), ((MessageEnd)events[^2].Delta!, events[^2].Usage));
            Assert.All(whole.Content, block => Assert.NotEqual("", block.Text ?? block.Thinking ?? block.Name));
            calls += whole.Content.Count(block => block.Type == "tool_use");
            thoughts += whole.Content.Count(block => block.Type == "thinking");
        }

        Assert.True(calls > 50 && thoughts > 10, $"{calls} calls, {thoughts} thoughts");
    }

    /// <summary>Plays the events as clients do: blocks open, grow and close in order.</summary>
    private static List<string> Blocks(List<MessageEvent> events)
    {
        List<string> blocks = [];
        ContentBlock? open = null;
        StringBuilder grown = new();
        foreach (MessageEvent one in events)
        {
            switch (one.Type)
            {
                case "content_block_start":
                    Assert.Null(open);
                    Assert.Equal(blocks.Count, one.Index);
                    open = one.ContentBlock;
                    break;
                case "content_block_delta":
                    Assert.Equal(blocks.Count, one.Index);
                    BlockDelta delta = (BlockDelta)one.Delta!;
                    grown.Append(delta.Text ?? delta.Thinking ?? delta.PartialJson);
                    break;
                case "content_block_stop":
                    Assert.NotNull(open);
                    blocks.Add($"{open.Type} {open.Name} {grown}");
                    open = null;
                    grown.Clear();
                    break;
            }
        }

        Assert.Null(open);
        return blocks;
    }

    private static string Spelled(ContentBlock block) => $"{block.Type} {block.Name} {block.Text ?? block.Thinking ?? block.Input!.Value.GetRawText()}";
}
