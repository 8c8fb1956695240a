using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;

namespace AgentRollout.Samples.Demonstrations;

/// <summary>Plays one environment with its real tool and writes each episode as a line of JSON.</summary>
internal sealed class DemonstrationWriter(EnvironmentDefinition environment, ITool tool, Expert expert)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _argument = tool.Spec.Parameters.GetProperty("properties").EnumerateObject().First().Name;
    private double _rewards;
    private int _episodes;

    /// <summary>The demonstrations' mean reward so far.</summary>
    public double MeanReward => _rewards / Math.Max(1, _episodes);

    public async Task WriteAsync(ulong seed, long index, TextWriter output, CancellationToken cancellationToken)
    {
        await using IEnvironment episode = environment.Create(environment.Generate!(TaskSplit.Train, seed, index));
        List<ChatMessage> messages = [.. await episode.BeginAsync(cancellationToken)];
        Plan plan = expert.Begin(index);
        var call = new ToolCall("call_1", tool.Spec.Name, JsonSerializer.SerializeToElement(new Dictionary<string, string> { [_argument] = plan.ToolArgument }, Json));
        string result = await InvokeAsync(call, cancellationToken);
        messages.Add(ChatMessage.Assistant("", [call]));
        messages.Add(ChatMessage.Tool(call.Id, call.Name, result));
        ChatMessage answer = ChatMessage.Assistant(plan.Answer(result));
        messages.Add(answer);

        StepResult end = await episode.StepAsync(new AssistantTurn(2, answer), cancellationToken);
        _rewards += end.Rewards!.Values.Sum();
        _episodes++;
        var tools = new[] { new { type = "function", function = new FunctionSchema(tool.Spec.Name, tool.Spec.Description, tool.Spec.Parameters) } };
        await output.WriteLineAsync(JsonSerializer.Serialize(new { environment = environment.Name, messages, tools }, Json));
    }

    private async Task<string> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        try
        {
            return await tool.InvokeAsync(new ToolInvocation(call.Id, "demonstration", call.Name, call.Arguments), cancellationToken);
        }
        catch (ToolException failure)
        {
            return failure.Message;
        }
    }
}
