using System.Text.Json;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Tests;

/// <summary>A tool with one string argument <c>x</c> that does what a test says.</summary>
internal sealed class TestTool(string name, Func<string, CancellationToken, Task<string>> run) : ITool
{
    public ToolSpec Spec { get; } = new(
        name,
        "For tests.",
        JsonElement.Parse("""{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}"""));

    public static TestTool Echo { get; } = new("echo", (x, _) => Task.FromResult(x));

    /// <summary>The text of a call of a tool of this kind.</summary>
    public static string Call(string name, string x) =>
        $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {{\"x\": \"{x}\"}}}}\n</tool_call>";

    public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) =>
        run(invocation.Arguments.GetProperty("x").GetString()!, cancellationToken);
}
