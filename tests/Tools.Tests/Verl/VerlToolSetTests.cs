using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Tests.Dispatch;
using AgentRollout.Tools.Mcp;
using AgentRollout.Tools.Verl;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Tools.Tests.Verl;

/// <summary>Tool files as verl's examples write them, played against real servers.</summary>
public sealed class VerlToolSetTests : IDisposable
{
    /// <summary>With the misspelt <c>item</c> of verl's own example.</summary>
    private const string Search = """
        tools:
          - class_name: verl.tools.search_tool.SearchTool
            config:
              retrieval_service_url: URL/retrieve
              num_workers: 120
              rate_limit: 120
              timeout: 30
              type: native
            tool_schema:
              type: function
              function:
                name: search
                description: Searches the web for relevant information based on the given query.
                parameters:
                  type: object
                  properties:
                    query_list:
                      type: array
                      item:
                        type: string
                      description: A list of fully-formed semantic queries.
                  required:
                    - query_list
        """;

    private const string Sandbox = """
        tools:
          - class_name: "verl.tools.sandbox_fusion_tools.SandboxFusionTool"
            config:
              type: native            # or mcp
              sandbox_fusion_url: "URL/run_code"
              num_workers: 10
              enable_global_rate_limit: true
              rate_limit: 10
              default_timeout: 30
              default_language: "python"
              memory_limit_mb: 1024
            tool_schema:
              type: "function"
              function:
                name: "code_interpreter"
                description: "A tool for executing code."
                parameters:
                  type: "object"
                  properties:
                    code: {type: "string", description: "The code to execute."}
                  required: ["code"]
        """;

    private const string Gsm8k = """
        tools:
          - class_name: "verl.tools.gsm8k_tool.Gsm8kTool"
            config: {type: native}
            tool_schema:
              type: "function"
              function:
                name: "calc_gsm8k_reward"
                description: "A tool for calculating the reward of gsm8k. (1.0 if parsed answer is correct, 0.0 if parsed answer is incorrect or not correctly parsed)"
                parameters:
                  type: "object"
                  properties:
                    answer:
                      type: "string"
                      description: "The model's answer to the GSM8K math problem, must be a digits"
                  required: ["answer"]
        """;

    private readonly HttpToolClient _client = new();
    private readonly List<string> _files = [];

    public void Dispose()
    {
        _client.Dispose();
        _files.ForEach(File.Delete);
    }

    [Fact]
    public async Task The_search_tool_asks_its_server_and_answers_as_verl_does()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, request.Body.Contains("oslo", StringComparison.Ordinal)
            ? """{"result": [[{"document": {"id": "7", "contents": "\"Oslo\"\nA city.\nOld."}, "score": 0.7}, {"document": {"contents": "\"Fjord\"\nA bay."}, "score": 0.1}]]}"""
            : """{"result": [[{"document": {"contents": "\"Málaga\"\nWarm."}, "score": 1}]]}"""));
        ITool tool = Assert.Single(Load(Search, server.Url).Tools);

        Assert.Equal(
            """{"result": "Doc 1 (Title: \"Oslo\")\nA city.\nOld.\n\nDoc 2 (Title: \"Fjord\")\nA bay.\n---\nDoc 1 (Title: \"Málaga\")\nWarm."}""",
            await CallAsync(tool, """{"query_list": ["where is oslo", "warm"]}"""));
        Assert.All(server.Requests, request => Assert.Contains("\"topk\":3", request.Body, StringComparison.Ordinal));
        Assert.Equal("""{"type":"string"}""", tool.Spec.Parameters.GetProperty("properties").GetProperty("query_list").GetProperty("items").GetRawText());
        await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool, """{"query_list": []}"""));
    }

    [Fact]
    public async Task The_sandbox_tool_runs_code_in_SandboxFusions_protocol()
    {
        int count = 0;
        using var server = new TestHttpServer(_ => Interlocked.Increment(ref count) switch
        {
            1 => new TestHttpAnswer(504, ""),
            2 => Ran("Success", """{"status":"Finished","return_code":0,"stdout":"1\n","stderr":"warned"}"""),
            3 => Ran("Failed", """{"status":"Error","return_code":1,"stdout":"","stderr":"NameError: x"}"""),
            4 => Ran("Failed", """{"status":"TimeLimitExceeded","stdout":"so far"}"""),
            5 => new TestHttpAnswer(200, """{"status":"SandboxError","message":"no room"}"""),
            6 => new TestHttpAnswer(500, ""),
            _ => new TestHttpAnswer(200, "[]"),
        });
        ITool tool = Assert.Single(Load(Sandbox, server.Url).Tools);

        Assert.Equal("1\nwarned", await CallAsync(tool, """{"code": "print(1)"}"""));
        Assert.Equal("NameError: x", await CallAsync(tool, """{"code": "x"}"""));
        Assert.Equal("so far\nThe code did not end within 30 s and was stopped.", await CallAsync(tool, """{"code": "loop"}"""));
        foreach (string error in new[] { "The sandbox failed: no room", $"The sandbox server {server.Url} answered 500.", $"The sandbox server {server.Url} answered what is not SandboxFusion's: " })
            Assert.StartsWith(error, (await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool, """{"code": "x"}"""))).Message, StringComparison.Ordinal);
        Assert.Equal(
            """{"compile_timeout":30,"run_timeout":30,"code":"print(1)","stdin":null,"memory_limit_MB":1024,"language":"python","files":{},"fetch_files":[]}""",
            server.Requests.First().Body);
        Assert.Equal("/run_code", server.Requests.First().PathAndQuery);

        static TestHttpAnswer Ran(string status, string run) => new(200, $$$"""{"status":"{{{status}}}","message":"","compile_result":null,"run_result":{{{run}}},"files":{}}""");
    }

    [Theory]
    [InlineData("72", "72", 1)]
    [InlineData("#### 72", "72", 1)]
    [InlineData("She sold 48+24 = 72.", "72.", 1)]
    [InlineData("1,000", "1,000", 1)]
    [InlineData("-5", "-5", 1)]
    [InlineData("72 .", "72", 1)]
    [InlineData("71", "72", 0)]
    [InlineData("none", "72", 0)]
    public async Task The_gsm8k_tool_scores_the_last_number_of_an_answer(string answer, string truth, double score)
    {
        ITool tool = Assert.Single(Load(Gsm8k).Tools);
        ToolInvocation invocation = Invocation(tool, JsonSerializer.Serialize(new { answer })) with { TaskArguments = Truth(truth) };
        Assert.Equal($"Current parsed answer='{answer}' reward={score:0.0}", await tool.InvokeAsync(invocation, default));
        Assert.Equal(score, invocation.Score);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task State_is_created_by_the_first_call_kept_scored_over_the_bus_and_released_at_the_end(bool overBus)
    {
        VerlToolSet set = Load(Gsm8k);
        await using ToolHost host = await ToolHost.StartAsync(set.Tools, services =>
        {
            services.AddSingleton<ITrajectoryEnd>(set);
            if (overBus)
                services.AddToolBus();
        });
        var tool = (Gsm8kTool)set.Tools[0];
        ToolInvocation first = Invocation(tool, """{"answer": "71"}""") with { TaskArguments = Truth("72") };

        ToolResult wrong = await host.Dispatcher.DispatchAsync(first, TimeSpan.FromSeconds(10), default);
        ToolResult right = await host.Dispatcher.DispatchAsync(
            Invocation(tool, """{"answer": "72"}""") with { CallId = "c2", TaskArguments = null }, TimeSpan.FromSeconds(10), default);
        Assert.Equal((0, 1), (wrong.Score, right.Score));
        Assert.Equal(1, tool.Held);

        await host.Dispatcher.EndTrajectoryAsync("t");
        for (int i = 0; i < 500 && tool.Held > 0; i++)
            await Task.Delay(10);
        Assert.Equal(0, tool.Held);
        ToolResult lost = await host.Dispatcher.DispatchAsync(
            Invocation(tool, """{"answer": "72"}""") with { CallId = "c3" }, TimeSpan.FromSeconds(10), default);
        Assert.Equal("The task gives tool 'calc_gsm8k_reward' no 'create_kwargs.ground_truth'.", lost.Text);
    }

    [Fact]
    public async Task The_rate_limit_bounds_calls_in_flight()
    {
        int atOnce = 0, most = 0;
        Lock counting = new();
        using var server = new TestHttpServer(_ =>
        {
            lock (counting)
                most = Math.Max(most, ++atOnce);
            Thread.Sleep(20);
            lock (counting)
                atOnce--;
            return new TestHttpAnswer(200, """{"status":"Success","run_result":{"status":"Finished","stdout":""}}""");
        });
        ITool tool = Assert.Single(Load(Sandbox.Replace("rate_limit: 10", "rate_limit: 2", StringComparison.Ordinal), server.Url).Tools);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => CallAsync(tool, """{"code": "x"}""")));
        Assert.InRange(most, 1, 2);
    }

    private const string McpEntry = """
        tools:
          - class_name: "verl.tools.mcp_search_tool.MCPSearchTool"
            config: {type: mcp, rate_limit: 60, timeout: 120}
            mcp: {mcp_servers_config_path: "PATH", tool_selected_list: SELECTED}
        """;

    [Fact]
    public void An_MCP_entry_becomes_the_server_of_its_file()
    {
        McpServerDefinition server = Assert.Single(LoadMcp("""{"mcpServers": {"tavily": {"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}}}""", "[search_tool]"));
        Assert.Equal(("tavily", "npx", 120.0, 60, ""), (server.Name, server.Command, server.TimeoutSeconds, server.MaxCallsPerSecond, server.Prefix));
        Assert.Equal("-y x, b, search_tool", $"{string.Join(' ', server.Args)}, {server.Env["A"]}, {string.Join(' ', server.Tools!)}");
    }

    [Fact]
    public void Tools_of_several_servers_are_named_and_selected_as_verl_names_them()
    {
        const string Servers = """{"mcpServers": {"a": {"url": "http://a/mcp", "transport": "http"}, "a_b": {"url": "http://b/mcp"}, "c": {"url": "http://c/sse", "auth_token": "t"}}}""";
        Assert.Equal(["a_", "a_b_", ""], LoadMcp(Servers, "null").Select(server => server.Prefix));
        Assert.Equal("Bearer t", LoadMcp(Servers, "null")[2].Headers["Authorization"]);

        IReadOnlyList<McpServerDefinition> selected = LoadMcp(Servers, "[a_b_find, tell, a_find]");
        Assert.Equal(["a_b:find", "c:tell", "a:find"], selected.Select(server => $"{server.Name}:{string.Join(',', server.Tools!)}"));
    }

    [Theory]
    [InlineData("""{"mcpServers": {"a": {"url": "http://a", "transport": "pigeon"}}}""", "null", "The 'transport' of server 'a' is 'pigeon'; known are: stdio, http, streamable-http, sse.")]
    [InlineData("""{"mcpServers": {"a": {"url": "http://a", "speed": 1}}}""", "null", "'mcpServers.a.speed' is unknown; known keys there: transport, type, headers, auth_token, command, args, env, cwd, url.")]
    [InlineData("""{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}""", "[find]", "'tool_selected_list' names 'find', which no server there has; with several servers a tool is called SERVER_TOOL, as in verl.")]
    [InlineData("""{"mcpServers": {"a": {"url": "http://a", "auth_token": "t"}, "b": {"url": "http://b", "auth_token": "t"}}}""", "[find]", "'tool_selected_list' names 'find', which several servers may have; give each of them an entry and a file of its own.")]
    [InlineData("""{"servers": {}}""", "null", "'mcpServers' must be a mapping.")]
    [InlineData("{", "null", "' cannot be read: ")]
    public void MCP_files_that_cannot_be_honoured_are_refused_by_name(string servers, string selected, string error) =>
        Assert.Contains(error, Assert.Throws<ToolException>(() => LoadMcp(servers, selected)).Message, StringComparison.Ordinal);

    private IReadOnlyList<McpServerDefinition> LoadMcp(string servers, string selected)
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, servers);
        try
        {
            return Load(McpEntry.Replace("PATH", path, StringComparison.Ordinal).Replace("SELECTED", selected, StringComparison.Ordinal)).McpServers;
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("rate_limit: 10", "rate_limt: 10", "'tools[0].config.rate_limt' is unknown; known keys there: type, sandbox_fusion_url, default_timeout, default_language, memory_limit_mb, num_workers, rate_limit, enable_global_rate_limit.")]
    [InlineData("rate_limit: 10", "rate_limit: 0", "'tools[0].config.rate_limit' is 0; it must be an integer from 1 to 65536.")]
    [InlineData("num_workers: 10", "num_workers: many", "'tools[0].config.num_workers' is \"many\"; it must be an integer from 1 to 65536.")]
    [InlineData("type: native            # or mcp", "type: telepathy", "'tools[0].config.type' is 'telepathy'; known types: native, mcp.")]
    [InlineData("sandbox_fusion_tools.SandboxFusionTool", "my_tools.MyTool", "Class 'verl.tools.my_tools.MyTool' is not known; known classes of type native: verl.tools.search_tool.SearchTool, verl.tools.sandbox_fusion_tools.SandboxFusionTool, verl.tools.gsm8k_tool.Gsm8kTool; one of your own can be served over HTTP and named in 'http_tools'.")]
    [InlineData("\"URL/run_code\"", "${oc.env:SANDBOX}", "'tools[0].config.sandbox_fusion_url' is '${oc.env:SANDBOX}'; interpolations are not resolved here, so write the value itself.")]
    [InlineData("\"URL/run_code\"", "ftp://x", "'sandbox_fusion_url' is 'ftp://x'; it must be an http or https address.")]
    [InlineData("code: {type", "codes: {type", "Class SandboxFusionTool reads the argument 'code', which the 'tool_schema' of 'code_interpreter' does not have.")]
    [InlineData("tools:", "tool:", "'tools' must be a list.")]
    [InlineData("tools:", "more: 1\ntools:", "'more' is unknown; known keys there: tools.")]
    [InlineData("    tool_schema:", "    mcp: {}\n    tool_schema:", "'tools[0].mcp' is unknown; known keys there: class_name, config, tool_schema.")]
    [InlineData("tools:", "a: 'open\ntools:", "line 1 is no YAML: ")]
    [InlineData("tools:", "a: &a [*a]\ntools:", "line ")]
    public void What_cannot_be_honoured_is_refused_by_name(string text, string replacement, string error)
    {
        string yaml = Sandbox.Replace(text, replacement, StringComparison.Ordinal);
        Assert.NotEqual(Sandbox, yaml);
        ToolException refused = Assert.Throws<ToolException>(() => Load(yaml));
        Assert.StartsWith($"Tool file '{_files[^1]}': {error}", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("'12'", "\"12\"")]
    [InlineData("12", "12")]
    [InlineData("-1_000", "-1000")]
    [InlineData("1e-3", "0.001")]
    [InlineData("1.5", "1.5")]
    [InlineData(".5", "0.5")]
    [InlineData("yes", "true")]
    [InlineData("Off", "false")]
    [InlineData("~", "null")]
    [InlineData("", "null")]
    [InlineData("\"\"", "\"\"")]
    [InlineData("[1, {a: b}]", """[1,{"a":"b"}]""")]
    [InlineData("|\n  two\n  lines", "\"two\\nlines\"")]
    [InlineData("v1.2", "\"v1.2\"")]
    public void Scalars_have_the_types_that_PyYAML_gives_them(string yaml, string json) =>
        Assert.Equal($$"""{"x":{{json}}}""", YamlJson.Read($"x: {yaml}")!.ToJsonString());

    private static JsonElement Truth(string truth) => JsonSerializer.SerializeToElement(new { create_kwargs = new { ground_truth = truth } });

    private static ToolInvocation Invocation(ITool tool, string arguments) => new("c1", "t", tool.Spec.Name, JsonElement.Parse(arguments));

    private static Task<string> CallAsync(ITool tool, string arguments) => tool.InvokeAsync(Invocation(tool, arguments), default);

    private VerlToolSet Load(string yaml, string url = "http://127.0.0.1:1")
    {
        string file = Path.GetTempFileName();
        _files.Add(file);
        File.WriteAllText(file, yaml.Replace("URL", url, StringComparison.Ordinal));
        return VerlToolSet.Load(file, _client);
    }
}
