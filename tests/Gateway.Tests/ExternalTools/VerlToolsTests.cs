using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Gateway.Tests.ExternalTools;

public sealed class VerlToolsTests
{
    private const string Gsm8k = """
        tools:
          - class_name: verl.tools.gsm8k_tool.Gsm8kTool
            config: {type: native}
            tool_schema:
              type: function
              function: {name: calc_gsm8k_reward, description: d, parameters: {type: object, properties: {answer: {type: string}}, required: [answer]}}
        """;

    private const string Rollout = """
        {"environment":"plain","tools":["calc_gsm8k_reward"],"tasks":[{"id":"t","data":{"question":"q","extra_info":{"tools_kwargs":KWARGS}}}]}
        """;

    [Theory]
    [InlineData("""{"calc_gsm8k_reward":{"create_kwargs":{"ground_truth":"72"}}}""", null)]
    [InlineData("null", "'tools_kwargs' of tool 'calc_gsm8k_reward': Argument 'create_kwargs' is required.")]
    [InlineData("""{"calc_gsm8k_reward":{"create_kwargs":{"truth":"72"}}}""", "'tools_kwargs' of tool 'calc_gsm8k_reward': ")]
    [InlineData("""{"calc_gsm8k_reward":{"create_kwargs":{"ground_truth":"72"},"execute_kwargs":{"x":1}}}""", "'tools_kwargs' of tool 'calc_gsm8k_reward': ")]
    [InlineData("""{"search":{}}""", "'tools_kwargs' of tool 'calc_gsm8k_reward': ")]
    public async Task Tasks_are_taken_whose_tools_kwargs_fit(string kwargs, string? problem)
    {
        await using TestGateway gateway = await StartAsync(Gsm8k);
        Assert.Equal("setting 'verl_tools'", (await gateway.GetAsync("/v1/tools"))[1].GetProperty("source").GetString());

        string request = Rollout.Replace("KWARGS", kwargs, StringComparison.Ordinal);
        if (problem is null)
        {
            JsonElement rollout = await gateway.WaitForAsync(await gateway.AcceptAsync(request), "completed");
            Assert.Equal(1, rollout.GetProperty("trajectories").GetProperty("completed").GetInt32());
            return;
        }

        using HttpResponseMessage refused = await gateway.PostAsync(request);
        JsonElement answer = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("invalid_task", answer.GetProperty("code").GetString());
        Assert.StartsWith($"Task 't': {problem}", answer.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tools: [{class_name: my.Tool, config: {type: native}}]", "Class 'my.Tool' is not known;")]
    [InlineData("no list", "it must be a mapping.")]
    public async Task A_file_that_cannot_be_honoured_stops_the_start(string yaml, string error)
    {
        ToolException exception = await Assert.ThrowsAsync<ToolException>(async () => await (await StartAsync(yaml)).DisposeAsync());
        Assert.Contains(error, exception.Message, StringComparison.Ordinal);
    }

    private static async Task<TestGateway> StartAsync(string yaml)
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, yaml);
        return await TestGateway.StartAsync(new GatewayOptions { VerlTools = file });
    }
}
