using AgentRollout.Environments.Capture;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Environments.Tests.Capture;

/// <summary>Agents that go on, edit, drop, branch, ask at once, leave streams, and send answers back otherwise than they read them.</summary>
internal sealed class RandomAgents(CaptureClient client, Random random)
{
    private static readonly string[] _answers =
    [
        "yes", "  no ", "a longer answer with\nlines", "\u00e9\u4e16\ud83d\ude00", "",
        """<tool_call>{"name": "calculator", "arguments": {"expression": "1+1", "n": 2}}</tool_call>""",
        """Well. <tool_call>{"name": "calculator", "arguments": {"expression": "2"}}</tool_call><tool_call>{"name": "calculator", "arguments": {"expression": "3"}}</tool_call>""",
        """<tool_call>{"name": "calculator", "arguments": {"expression": 1""",
        """<tool_call>{"nam": 1}</tool_call>""",
        """<tool_call>{"name": "other", "arguments": {}}</tool_call>""",
    ];

    private readonly List<List<ChatMessage>> _conversations = [];

    /// <summary>Takes so many steps.</summary>
    public async Task RunAsync(int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            if (_conversations.Count == 0 || random.Next(8) == 0)
                _conversations.Add([ChatMessage.System("Be brief."), ChatMessage.User($"Question {random.Next(4)}?")]);
            List<ChatMessage> conversation = _conversations[random.Next(_conversations.Count)];
            if (random.Next(3) == 0)
                conversation = Rewritten(conversation);
            if (random.Next(6) == 0)
                await AskTwiceAtOnceAsync(conversation);
            else
                await AskAsync(conversation);
        }
    }

    private async Task AskAsync(List<ChatMessage> conversation)
    {
        int forks = client.Session.Drift.Forked;
        CapturedTurn turn = await client.BeginAsync(conversation);
        if (client.Session.Drift.Forked == forks)
            Assert.True(client.Sampled.TrueForAll(before => before.Turn != turn.Number));
        Take(conversation, await AnswerAsync(turn));
    }

    private async Task AskTwiceAtOnceAsync(List<ChatMessage> conversation)
    {
        CapturedTurn one = await client.BeginAsync(conversation);
        CapturedTurn other = await client.BeginAsync([.. conversation]);
        Assert.NotEqual(one.Prompt.Sequence, other.Prompt.Sequence);
        Task<ChatMessage>[] answers = random.Next(2) == 0 ? [AnswerAsync(other), AnswerAsync(one)] : [AnswerAsync(one), AnswerAsync(other)];
        Take(conversation, await answers[random.Next(2)]);
        await Task.WhenAll(answers);
    }

    private Task<ChatMessage> AnswerAsync(CapturedTurn turn)
    {
        string answer = _answers[random.Next(_answers.Length)];
        return client.AnswerAsync(turn, answer, random.Next(5) == 0 ? random.Next(6) : null);
    }

    /// <summary>An agent answers calls and goes on, sometimes with the answer changed in ways that mean nothing.</summary>
    private void Take(List<ChatMessage> conversation, ChatMessage answer)
    {
        ChatMessage kept = random.Next(4) switch
        {
            0 => answer with { Content = answer.Content?.Trim() },
            1 => answer with { ReasoningContent = null },
            _ => answer,
        };
        _conversations.Remove(conversation);
        List<ChatMessage> next = [.. conversation, kept];
        foreach (ToolCall call in kept.ToolCalls ?? [])
            next.Add(new ChatMessage { Role = "tool", Content = $"result {random.Next(3)}", ToolCallId = call.Id });
        if (kept.ToolCalls is null || random.Next(4) == 0)
            next.Add(ChatMessage.User($"Go on {random.Next(3)}."));
        _conversations.Add(next);
        if (random.Next(4) == 0)
            _conversations.Add([.. conversation]);
    }

    private List<ChatMessage> Rewritten(List<ChatMessage> conversation)
    {
        List<ChatMessage> other = [.. conversation];
        int at = random.Next(other.Count);
        switch (random.Next(4))
        {
            case 0:
                other[at] = other[at] with { Content = other[at].Content + "!" };
                break;
            case 1 when other.Count > 2:
                other.RemoveAt(at);
                break;
            case 2:
                other.Insert(at + 1, ChatMessage.Assistant("In between."));
                break;
            default:
                other.Add(ChatMessage.User("By the way."));
                break;
        }

        return other;
    }
}
