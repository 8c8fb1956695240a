using System.Text.Json;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Tests.Journal;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Environments.Tests.Capture;

/// <summary>A session with whoever asks it: what the model says is the test's to choose.</summary>
internal sealed class CaptureClient : IDisposable
{
    private static readonly JsonElement NoData = JsonElement.Parse("{}");

    public CaptureClient(MemoryJournal? journal = null, int maxTurns = 1_000)
    {
        Journal = journal ?? new MemoryJournal();
        Session = new CaptureSession(Spec with { Journal = Journal, Recorded = Journal.Read(Spec.TrajectoryId), MaxTurns = maxTurns }, Policy);
    }

    public static ChatFormat Format => TestPolicy.Format;

    public static FunctionSchema Calculator { get; } =
        new("calculator", "Computes.", JsonElement.Parse("""{"type": "object", "properties": {"expression": {"type": "string"}}}"""));

    public MemoryJournal Journal { get; }

    public CaptureSession Session { get; }

    /// <summary>What was sampled by turn, in the order of the ends.</summary>
    public List<(int Turn, int[] Tokens)> Sampled { get; } = [];

    private static Policy Policy { get; } = new(
        "tiny", new ScriptedEngine(_ => TestPolicy.Say("x"), new EngineModel("tiny", Format.Tokenizer.VocabularySize, 100_000, [Format.EndOfTurnId], 0)), Format);

    private static CaptureSpec Spec { get; } = new()
    {
        TrajectoryId = "r-0-0",
        RolloutId = "r",
        GroupId = "r-0",
        SampleIndex = 0,
        Environment = "capture",
        Task = new RolloutTask("task", NoData),
        Sampling = SamplingParams.Default,
        MaxTurns = 1_000,
        Seed = 5,
    };

    public Task<CapturedTurn> BeginAsync(IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema>? tools = null) =>
        Session.BeginAsync(new CapturedCall(messages, tools ?? [Calculator]), _ => { }, CancellationToken.None);

    /// <summary>Samples a text to its end, or so many tokens of it; what the client reads.</summary>
    public async Task<ChatMessage> AnswerAsync(CapturedTurn turn, string text, int? cutAfter = null)
    {
        int[] tokens = Feed(turn, text, cutAfter);
        ChatMessage shown = Shown(tokens);
        await turn.EndAsync(shown);
        if (tokens.Length > 0)
            Sampled.Add((turn.Number, tokens));
        return shown;
    }

    /// <summary>Samples without an end.</summary>
    public static int[] Feed(CapturedTurn turn, string text, int? cutAfter)
    {
        int[] all = [.. Format.Tokenizer.Encode(text), Format.EndOfTurnId];
        int[] tokens = all[..Math.Min(cutAfter ?? all.Length, all.Length)];
        for (int i = 0; i < tokens.Length; i++)
        {
            FinishReason? finish = cutAfter is null && i == tokens.Length - 1 ? FinishReason.Stop : null;
            turn.TryAppend(new TokenChunk(tokens.AsMemory(i, 1), new[] { -0.5f - (0.001f * i) }, null, WeightVersion: i / 40, finish));
        }

        return tokens;
    }

    /// <summary>Asks and answers.</summary>
    public async Task<ChatMessage> AskAsync(IReadOnlyList<ChatMessage> messages, string answer) => await AnswerAsync(await BeginAsync(messages), answer);

    public void Dispose() => Session.Dispose();

    private static ChatMessage Shown(int[] tokens)
    {
        ParsedTurn turn = Format.ToolCallParser.Parse(tokens, new TurnContext { Tools = [Calculator] });
        ToolCall[] calls = [.. turn.Calls.Where(call => call.Name is not null).Select(call =>
            new ToolCall($"call_{Guid.NewGuid():N}", call.Name!, call.Arguments ?? JsonSerializer.SerializeToElement(call.ArgumentsText)))];
        string unread = string.Concat(turn.Calls.Where(call => call.Name is null).Select(call => call.RawText));
        return new ChatMessage { Role = "assistant", Content = turn.Content + unread, ReasoningContent = turn.Reasoning, ToolCalls = calls is [] ? null : calls };
    }
}
