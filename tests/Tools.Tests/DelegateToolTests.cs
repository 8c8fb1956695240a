using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using AgentRollout.Tools.Schema;
using Xunit;

namespace AgentRollout.Tools.Tests;

public sealed class DelegateToolTests
{
    private readonly string _prefix = "instance ";

    public enum Colour
    {
        DarkRed,
        Blue,
    }

    public sealed record Node(string Name, Node[] Children);

    public sealed record Point([property: Description("Metres.")] double X, double? Y = null);

    [Fact]
    public void The_schema_follows_the_signature()
    {
        string expected =
            """
            {"type":"object","properties":{
            "text":{"type":"string","minLength":1,"maxLength":5,"description":"What to say."},
            "how_often":{"type":"integer"},
            "weight":{"type":"number","minimum":0,"maximum":1},
            "loud":{"type":"boolean"},
            "colour":{"enum":["dark_red","blue"]},
            "names":{"type":"array","items":{"type":"string"}},
            "nickname":{"type":["string","null"]},
            "point":{"type":"object","properties":{"x":{"type":"number","description":"Metres."},"y":{"type":["number","null"],"default":null}},"required":["x"],"additionalProperties":false},
            "anything":{},
            "times":{"type":"integer","default":3},
            "paint":{"enum":["dark_red","blue"],"default":"blue"},
            "note":{"type":["string","null"]}},
            "required":["text","how_often","weight","loud","colour","names","nickname","point","anything"]}
            """;
        Assert.Equal(expected.ReplaceLineEndings(""), new DelegateTool(Everything).Spec.Parameters.GetRawText());
    }

    [Fact]
    public async Task Arguments_and_defaults_reach_the_method()
    {
        string answer = await CallAsync(
            new DelegateTool(Everything),
            """
            {"text": "hi", "how_often": 2, "weight": 0.5, "loud": true, "colour": "dark_red", "names": ["a", "b"], "nickname": null,
             "point": {"x": 1.5}, "anything": {"k": [1]}}
            """);
        Assert.Equal("""hi 2 0.5 True DarkRed a+b  Point { X = 1.5, Y =  } {"k": [1]} 3 Blue  call=c""", answer);
    }

    [Fact]
    public async Task Static_instance_and_lambda_methods_are_tools()
    {
        Assert.Equal("instance x", await CallAsync(new DelegateTool(Instance), """{"text": "x"}"""));
        Assert.Equal("static x", await CallAsync(new DelegateTool(Static), """{"text": "x"}"""));
        Assert.Equal("4", await CallAsync(new DelegateTool([Description("Doubles.")] (int n) => 2 * n, "double"), """{"n": 2}"""));
    }

    [Fact]
    public void The_name_is_the_methods_unless_given()
    {
        Assert.Equal("return_later", new DelegateTool(ReturnLaterAsync).Spec.Name);
        Assert.Equal("other", new DelegateTool(ReturnLaterAsync, "other").Spec.Name);
        Assert.Equal("Later.", new DelegateTool(ReturnLaterAsync).Spec.Description);
    }

    [Fact]
    public async Task Every_way_to_return_is_text()
    {
        Assert.Equal("later", await CallAsync(new DelegateTool(ReturnLaterAsync)));
        Assert.Equal("value", await CallAsync(new DelegateTool([Description("d")] () => ValueTask.FromResult("value"), "a")));
        Assert.Equal("[1,2]", await CallAsync(new DelegateTool([Description("d")] async () =>
        {
            await Task.Yield();
            return new[] { 1, 2 };
        }, "a")));
        Assert.Equal("""{"x":1,"y":null}""", await CallAsync(new DelegateTool([Description("d")] () => new Point(1), "a")));
        Assert.Equal("\"dark_red\"", await CallAsync(new DelegateTool([Description("d")] () => Colour.DarkRed, "a")));
        Assert.Equal("""["é<>"]""", await CallAsync(new DelegateTool([Description("d")] () => new[] { "é<>" }, "a")));
        Assert.Equal("", await CallAsync(new DelegateTool([Description("d")] () => { }, "a")));
        Assert.Equal("", await CallAsync(new DelegateTool([Description("d")] () => Task.Delay(1), "a")));
        Assert.Equal("", await CallAsync(new DelegateTool([Description("d")] () => ValueTask.CompletedTask, "a")));
        Assert.Equal("", await CallAsync(new DelegateTool([Description("d")] string? () => null, "a")));
    }

    [Fact]
    public async Task Exceptions_come_out_as_thrown()
    {
        var tool = new DelegateTool([Description("d")] string () => throw new FormatException("bad"), "a");
        Assert.Equal("bad", (await Assert.ThrowsAsync<FormatException>(() => CallAsync(tool))).Message);
    }

    [Fact]
    public async Task What_the_schema_cannot_say_is_named_by_the_argument()
    {
        var error = await Assert.ThrowsAsync<ToolException>(
            () => CallAsync(new DelegateTool([Description("Doubles.")] (int n) => 2 * n, "double"), """{"n": 3000000000}"""));
        Assert.Equal("Argument 'n' is 3000000000, which is not a valid Int32.", error.Message);
    }

    [Fact]
    public async Task A_type_that_contains_itself_is_checked_at_every_depth()
    {
        var tool = new DelegateTool([Description("Counts.")] (Node tree) => tree.Children.Length, "count");
        Assert.Equal("1", await CallAsync(tool, """{"tree": {"name": "a", "children": [{"name": "b", "children": []}]}}"""));
        JsonSchemaValidator schema = JsonSchemaValidator.Compile(tool.Spec.Parameters);
        Assert.Equal(
            "Argument 'tree.children[0].name' must be a string, found 1.",
            schema.FindError(JsonElement.Parse("""{"tree": {"name": "a", "children": [{"name": 1, "children": []}]}}""")));
    }

    [Fact]
    public void A_method_that_cannot_be_a_tool_is_named()
    {
        Assert.EndsWith("DelegateToolTests.NoDescription' has no [Description]; a tool needs one sentence for the model.",
            Assert.Throws<ToolException>(() => new DelegateTool(NoDescription)).Message);
        Assert.Contains("Parameter 'action' of 'AgentRollout.Tools.Tests.DelegateToolTests.TakesAction' has the type System.Action",
            Assert.Throws<ToolException>(() => new DelegateTool(TakesAction)).Message);
    }

    private static Task<string> CallAsync(DelegateTool tool, string arguments = "{}") =>
        tool.InvokeAsync(new ToolInvocation("c", "t", tool.Spec.Name, JsonElement.Parse(arguments)), CancellationToken.None);

    [Description("Takes everything.")]
    private static string Everything(
        [Description("What to say."), StringLength(5, MinimumLength = 1)] string text,
        int howOften,
        [Range(0.0, 1.0)] double weight,
        bool loud,
        Colour colour,
        string[] names,
        string? nickname,
        Point point,
        JsonElement anything,
        ToolInvocation invocation,
        int times = 3,
        Colour paint = Colour.Blue,
        string? note = null,
        CancellationToken cancellationToken = default) =>
        FormattableString.Invariant(
            $"{text} {howOften} {weight} {loud} {colour} {string.Join('+', names)} {nickname} {point} {anything.GetRawText()} {times} {paint} {note} call={invocation.CallId}");

    [Description("Instance.")]
    private string Instance(string text) => _prefix + text;

    [Description("Static.")]
    private static string Static(string text) => "static " + text;

    [Description("Later.")]
    private static async Task<string> ReturnLaterAsync()
    {
        await Task.Yield();
        return "later";
    }

    private static string NoDescription() => "";

    [Description("Takes what no JSON can be.")]
    private static void TakesAction(Action action) => action();
}
