using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentRollout.Tools.Sandbox;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>Programs over HTTP in SandboxFusion's protocol, in real containers.</summary>
[Collection(TestSandbox.Collection)]
public sealed class RunCodeEndpointTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_program_is_answered_with_what_it_printed_and_how_it_ended()
    {
        await using Server server = await Server.StartAsync();

        JsonElement answer = await server.RunAsync(new { compile_timeout = 10, run_timeout = 10, code = "print(1)", stdin = (string?)null, memory_limit_MB = 1024, language = "python", files = new { }, fetch_files = Array.Empty<string>(), args = Array.Empty<string>() });
        JsonElement run = answer.GetProperty("run_result");
        Assert.InRange(run.GetProperty("execution_time").GetDouble(), 0.001, 10);
        Assert.Equal(
            """{"status":"Success","message":"","run_result":{"status":"Finished","execution_time":T,"return_code":0,"stdout":"1\n","stderr":""},"files":{},"compile_result":null,"executor_pod_name":null}""",
            answer.GetRawText().Replace(run.GetProperty("execution_time").GetRawText(), "T", StringComparison.Ordinal));

        await server.AssertAsync(new { language = "python", code = "print(input()[::-1], ord(input()))", stdin = "abc\n\u00e9" }, "Success", "Finished", 0, "cba 233\n", "");
        await server.AssertAsync(new { language = "python", code = "import sys\nprint('x', file=sys.stderr)\nsys.exit(3)" }, "Failed", "Finished", 3, "", "x\n");
        await server.AssertAsync(new { language = "python", code = "1 +" }, "Failed", "Finished", 1, "", "SyntaxError: invalid syntax");
        await server.AssertAsync(new { language = "python", code = "def f():\n    raise ValueError('no')\nf()" }, "Failed", "Finished", 1, "", "File \"/workspace/main.py\", line 2, in f");
        await server.AssertAsync(new { language = "bash", code = "echo $((1 + 2)); read -r x; echo \"$x\"; ls -A", stdin = "in" }, "Success", "Finished", 0, "3\nin\nmain.sh\n", "");
        await server.AssertAsync(new { language = "bash", code = "kill -TERM $$" }, "Failed", "Finished", -15, "", "");
    }

    [Fact]
    public async Task What_goes_over_a_limit_is_killed_and_said()
    {
        await using Server server = await Server.StartAsync(seconds: 2);

        await server.AssertAsync(new { language = "python", code = "print('begun', flush=True)\nwhile True: pass", run_timeout = 0.5 }, "Failed", "TimeLimitExceeded", null, "begun\n", "");
        await server.AssertAsync(new { language = "bash", code = "trap '' TERM; sleep 1000", run_timeout = 1000 }, "Failed", "TimeLimitExceeded", null, "", "");
        await server.AssertAsync(
            new { language = "bash", code = "yes" }, "Failed", "Finished", -9, string.Concat(Enumerable.Repeat("y\n", 2_048)), "\nThe program printed more than 4096 bytes and was killed.\n");
        await server.AssertAsync(new { language = "python", code = "bytearray(200_000_000)", memory_limit_MB = 100 }, "Failed", "Finished", 1, "", "MemoryError");
        await server.AssertAsync(new { language = "python", code = "x = bytearray(b'x' * 400_000_000)", memory_limit_MB = -1 }, "Failed", "Finished", -9, "", "");
    }

    [Fact]
    public async Task Files_of_any_bytes_go_in_and_come_out()
    {
        await using Server server = await Server.StartAsync();
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];

        JsonElement answer = await server.RunAsync(new
        {
            language = "python",
            code = "import helper\nopen('out/' + helper.name, 'wb').write(open('in.bin', 'rb').read()[::-1])",
            files = new Dictionary<string, string?>
            {
                ["in.bin"] = Convert.ToBase64String(bytes), ["helper.py"] = Base64("name = 'r.bin'"), ["out/.keep"] = "", ["main.py"] = Base64("1 / 0"), ["skipped"] = null,
            },
            fetch_files = new[] { "out/r.bin", "/workspace/main.py", "missing", "../etc/passwd" },
        });

        Assert.Equal("Success", answer.GetProperty("status").GetString());
        Dictionary<string, byte[]> files = answer.GetProperty("files").Deserialize<Dictionary<string, byte[]>>()!;
        Assert.Equal(["/workspace/main.py", "out/r.bin"], files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(bytes.Reverse(), files["out/r.bin"]);
        Assert.Equal("1 / 0", Encoding.UTF8.GetString(files["/workspace/main.py"]));
        Assert.Equal("'missing': No such file or directory. '../etc/passwd' is outside /workspace.", answer.GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_request_that_cannot_be_run_is_told_what_is_allowed()
    {
        await using Server server = await Server.StartAsync();
        (object Request, string Detail)[] cases =
        [
            (new { language = "cpp", code = "" }, "'language' is 'cpp'; known languages: bash, python."),
            (new { language = "python" }, "'code' is missing; it must be the text of a program."),
            (new { language = "python", code = "", run_timeout = 0 }, "'run_timeout' is 0; it must be a positive number of seconds."),
            (new { language = "python", code = "", files = new { a = "?" } }, "File 'a' is not base64."),
            (new { language = "python", code = new string(' ', 65_537) }, "'main.py' has 65537 bytes; files, code and standard input have at most 65536 each."),
            (new { language = "python", code = "", files = new Dictionary<string, string> { ["../a"] = "" } }, "A file could not be written: '../a' is outside /workspace."),
        ];
        foreach ((object request, string detail) in cases)
        {
            using HttpResponseMessage response = await server.PostAsync(request);
            Assert.Equal((HttpStatusCode.BadRequest, detail), (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("detail").GetString()));
        }
    }

    [Fact]
    public async Task Many_at_once_each_have_a_sandbox_of_their_own_and_leave_none()
    {
        await using Server server = await Server.StartAsync(concurrency: 8);
        JsonElement[] answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => server.RunAsync(
            new { compile_timeout = 120, language = "python", code = $"import os\nprint(os.path.exists('/tmp/mark'), {i})\nopen('/tmp/mark', 'w')" })));
        for (int i = 0; i < answers.Length; i++)
            Assert.Equal($"False {i}\n", answers[i].GetProperty("run_result").GetProperty("stdout").GetString());
        await EventuallyNoneAsync();
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_its_program_and_leaves_no_container()
    {
        await using Server server = await Server.StartAsync();
        await server.RunAsync(new { language = "bash", code = "true" });
        using CancellationTokenSource leave = new(TimeSpan.FromSeconds(3));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => server.Client.PostAsJsonAsync("/run_code", new { language = "bash", code = "sleep 100", run_timeout = 100 }, leave.Token));
        await EventuallyNoneAsync();
    }

    [Fact]
    public async Task Who_waits_too_long_for_a_sandbox_is_told_to_try_again()
    {
        await using Server server = await Server.StartAsync(concurrency: 1, seconds: 15);
        using CancellationTokenSource leave = new();
        Task<HttpResponseMessage> first = server.Client.PostAsJsonAsync("/run_code", new { language = "bash", code = "sleep 15", run_timeout = 15 }, leave.Token);
        await Task.Delay(1_000, Cancel);
        using HttpResponseMessage response = await server.PostAsync(new { language = "bash", code = "true", compile_timeout = 0 });
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await EventuallyNoneAsync();
    }

    [Fact]
    public async Task Without_sandboxes_the_answer_says_what_is_missing()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await gateway.Client.PostAsJsonAsync("/run_code", new { language = "python", code = "1" }, Cancel);
        Assert.Equal(HttpStatusCode.NotImplemented, response.StatusCode);
        Assert.Equal("not_configured", (await response.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("code").GetString());
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static async Task EventuallyNoneAsync()
    {
        for (int tries = 0; tries < 100 && await TestSandbox.CountAsync(SandboxRuntimeKind.Docker, Environment.ProcessId) > 0; tries++)
            await Task.Delay(100, Cancel);
        Assert.Equal(0, await TestSandbox.CountAsync(SandboxRuntimeKind.Docker, Environment.ProcessId));
    }

    /// <summary>A server with sandboxes, none of which is started ahead of demand but the first.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly SandboxParts _sandbox;
        private readonly TestGateway _gateway;

        private Server(SandboxParts sandbox, TestGateway gateway)
        {
            _sandbox = sandbox;
            _gateway = gateway;
        }

        public HttpClient Client => _gateway.Client;

        public static async Task<Server> StartAsync(int concurrency = 4, double seconds = 5)
        {
            SandboxParts sandbox = await TestSandbox.OpenAsync(new SandboxSettings
            {
                Warm = 0,
                ConcurrentPrograms = concurrency,
                Limits = new SandboxOptions { MemoryMib = 256, CallTimeoutSeconds = seconds, MaxOutputBytes = 4_096, MaxFileBytes = 65_536 },
            });
            return new Server(sandbox, await TestGateway.StartAsync(configure: services => services.AddSandbox(sandbox)));
        }

        public Task<HttpResponseMessage> PostAsync(object request) => Client.PostAsJsonAsync("/run_code", request, Cancel);

        public async Task<JsonElement> RunAsync(object request)
        {
            using HttpResponseMessage response = await PostAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return await response.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        }

        public async Task AssertAsync(object request, string status, string end, int? code, string stdout, string stderr)
        {
            JsonElement answer = await RunAsync(request);
            JsonElement run = answer.GetProperty("run_result");
            Assert.Equal(
                (status, end, code, stdout),
                (answer.GetProperty("status").GetString(), run.GetProperty("status").GetString(), run.GetProperty("return_code").Deserialize<int?>(), run.GetProperty("stdout").GetString()));
            Assert.Contains(stderr, run.GetProperty("stderr").GetString(), StringComparison.Ordinal);
        }

        public async ValueTask DisposeAsync()
        {
            await _gateway.DisposeAsync();
            _sandbox.Dispose();
        }
    }
}
