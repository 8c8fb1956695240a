using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin;

/// <summary>The shipped model's chat format against renderings by Jinja2 (<c>samples/tiny-agent/make_golden.py</c>).</summary>
public sealed class TinyAgentChatTests
{
    private static readonly ChatFormat Format = ChatFormat.Load(SharedFiles.InRepository("models", "tiny-agent"));

    public static TheoryData<string, bool> Rows =>
        [.. Golden().Select(row => new TheoryDataRow<string, bool>(row.GetProperty("name").GetString()!, row.GetProperty("add_generation_prompt").GetBoolean()))];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Text_and_ids_are_those_of_Jinja2(string name, bool addGenerationPrompt)
    {
        JsonElement row = Row(name, addGenerationPrompt);
        JsonElement tools = row.GetProperty("tools");
        string rendered = Format.Template.RenderJson(
            row.GetProperty("messages"), tools.ValueKind == JsonValueKind.Null ? null : tools, addGenerationPrompt).Text;

        Assert.Equal(row.GetProperty("rendered").GetString(), rendered);
        Assert.Equal(Ids(row), Format.Tokenizer.Encode(rendered));
    }

    [Fact]
    public void The_template_appends_and_ends_turns_with_its_stop_token()
    {
        Assert.True(Format.Probe is { AppendsUserMessages: true, AppendsToolResults: true, GenerationPromptOpensAnswer: true, DeltaIgnoresContent: true, ToolRefusal: null });
        Assert.Equal(("<|im_end|>", "\n", Format.Tokenizer.EosToken), (Format.Probe.EndOfTurn, Format.Probe.Glue, "<|im_end|>"));
    }

    [Fact]
    public void Prompt_turn_and_delta_join_to_the_whole_rendering()
    {
        JsonElement row = Row("arithmetic", addGenerationPrompt: false);
        ToolSpec calculator = CalculatorTool.Create().Spec;
        FunctionSchema[] tools = [new(calculator.Name, calculator.Description, calculator.Parameters)];
        int[] whole = Ids(row);

        int[] prompt = Format.RenderPrompt([ChatMessage.User("What is 348 * 27?")], tools);
        int[] turn = whole[prompt.Length..(Array.IndexOf(whole, Format.EndOfTurnId, prompt.Length) + 1)];
        int[] delta = [.. Format.RenderDelta([ChatMessage.Tool("c1", "calculator", "9396")], tools, closedBy: Format.EndOfTurnId).SelectMany(span => span.Tokens)];

        int[] joined = [.. prompt, .. turn, .. delta];
        Assert.Equal(whole[..joined.Length], joined);
        ParsedCall call = Assert.Single(Format.ToolCallParser.Parse(turn).Calls);
        Assert.Equal((ParseOutcome.Ok, "calculator", "348 * 27"), (call.Outcome, call.Name, call.Arguments!.Value.GetProperty("expression").GetString()));
    }

    private static int[] Ids(JsonElement row) => [.. row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static JsonElement Row(string name, bool addGenerationPrompt) => Golden().Single(row =>
        row.GetProperty("name").GetString() == name && row.GetProperty("add_generation_prompt").GetBoolean() == addGenerationPrompt);

    private static IEnumerable<JsonElement> Golden() =>
        File.ReadLines(SharedFiles.InRepository("tests", "Environments.Tests", "Fixtures", "tiny-agent-chat.jsonl")).Select(line => JsonElement.Parse(line));
}
