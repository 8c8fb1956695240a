using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Commands;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>
/// A conversation that every trajectory has: what the model says in each turn, as tokens, and the environment that it says it to. The tokens are those
/// of the chat template's own rendering, so that parsing, masks, sealing and audit have real work.
/// </summary>
internal sealed class LoopScript
{
    /// <summary>Turns of a trajectory.</summary>
    public const int Turns = 4;

    private const string Question = "Ann has 17 boxes with 24 pens each and gives away 58 pens. How many pens are left? Work it out step by step.";
    private const string Thought = "I will look at the next part of the problem before I answer.";
    private const string Answer = "All parts are looked at, so the answer is 350 pens.";
    private const string Nudge = "Go on with the next part.";

    private readonly int[][] _turns;
    private readonly int _endOfTurn;
    private readonly int _endsInPrompt;

    private LoopScript(ChatFormat format, FunctionSchema? tool)
    {
        _endOfTurn = format.EndOfTurnId;
        FunctionSchema[] tools = tool is null ? [] : [tool];
        List<ChatMessage> messages = [ChatMessage.User(Question)];
        _endsInPrompt = format.RenderPrompt(messages, tools).AsSpan().Count(_endOfTurn);
        _turns = new int[Turns][];
        for (int turn = 1; turn <= Turns; turn++)
        {
            ChatMessage said = turn == Turns ? ChatMessage.Assistant(Answer) : Say(tool, turn);
            _turns[turn - 1] = Tokens(format, messages, said, tools);
            messages.Add(said);
            messages.Add(tool is null ? ChatMessage.User(Nudge) : ChatMessage.Tool($"c{turn}", tool.Name, LoopTools.Result));
        }

        Environment = new EnvironmentDefinition
        {
            Name = "scripted",
            Description = "Asks one question, and goes on until the last turn.",
            Tools = [.. tools.Select(offered => offered.Name)],
            Create = _ => new ScriptedEnvironment(),
        };
    }

    public EnvironmentDefinition Environment { get; }

    /// <summary>Tokens that are sampled in a turn, on average.</summary>
    public double TokensPerTurn => _turns.Average(turn => turn.Length);

    /// <summary>A conversation without tools: the environment answers.</summary>
    public static LoopScript WithoutTools(ChatFormat format) => new(format, tool: null);

    /// <summary>A conversation that calls a tool in all turns but the last.</summary>
    public static LoopScript WithTool(ChatFormat format, FunctionSchema tool) => new(format, tool);

    /// <summary>What the model says behind these tokens: each earlier turn has ended once, and so has what answered it.</summary>
    public ReadOnlyMemory<int> Next(ReadOnlySpan<int> tokens) => _turns[(tokens.Count(_endOfTurn) - _endsInPrompt) / 2];

    private static ChatMessage Say(FunctionSchema? tool, int turn) => new()
    {
        Role = "assistant",
        Content = Thought,
        ToolCalls = tool is null ? null : [new ToolCall($"c{turn}", tool.Name, JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["part"] = $"part {turn}" }))],
    };

    private static int[] Tokens(ChatFormat format, List<ChatMessage> before, ChatMessage said, FunctionSchema[] tools)
    {
        string prompt = format.Template.Render(before, tools, addGenerationPrompt: true);
        string whole = format.Template.Render([.. before, said], tools, addGenerationPrompt: false);
        int[] tokens = whole.StartsWith(prompt, StringComparison.Ordinal) ? format.Tokenizer.Encode(whole.AsSpan(prompt.Length)) : [];
        int end = Array.IndexOf(tokens, format.EndOfTurnId);
        return end >= 0
            ? tokens[..(end + 1)]
            : throw CommandException.Usage(
                $"Chat template '{format.Template.Name}' does not render an assistant's turn behind its own prompt; bench loop needs a model whose template does.");
    }

    private sealed class ScriptedEnvironment : IEnvironment
    {
        private static readonly ChatMessage[] Begin = [ChatMessage.User(Question)];

        public ValueTask<IReadOnlyList<ChatMessage>> BeginAsync(CancellationToken cancellationToken) => new(Begin);

        public ValueTask<StepResult> StepAsync(AssistantTurn turn, CancellationToken cancellationToken) =>
            new(turn.Number < Turns ? StepResult.Continue(ChatMessage.User(Nudge)) : StepResult.End("scripted", 1));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
