using System.Text;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Rollouts;
using Xunit;

namespace AgentRollout.Gateway.Tests.Json;

public sealed class StrictJsonTests
{
    [Fact]
    public void Members_that_are_not_given_keep_their_defaults()
    {
        StartRolloutRequest request = Read("""{"environment":"e","limits":{"max_turns":3}}""");

        Assert.Equal(1, request.SamplesPerTask);
        Assert.Equal(1, request.Sampling.Temperature);
        Assert.Equal(3, request.Limits.MaxTurns);
        Assert.Equal(600, request.Limits.DeadlineSeconds);
        Assert.Null(request.Seed);
    }

    [Fact]
    public void Null_is_allowed_where_a_member_may_be_absent() => Assert.Null(Read("""{"environment":"e","seed":null,"tasks":null}""").Seed);

    [Theory]
    [InlineData("{", ProblemCodes.InvalidJson, "The text is not JSON at line 1, byte 2.")]
    [InlineData("""{"environment":"e"} 1""", ProblemCodes.InvalidJson, "The text is not JSON at line 1, byte 21.")]
    [InlineData("[]", ProblemCodes.InvalidValue, "The JSON text is []; it must be an object.")]
    [InlineData("{}", ProblemCodes.MissingMember, "Member 'environment' is missing.")]
    [InlineData("""{"environment":"e","sampels":1}""", ProblemCodes.UnknownMember,
        "Member 'sampels' is unknown; known members: environment, tasks, task_set, tools, samples_per_task, sampling, limits, history, mask, delivery, seed, model.")]
    [InlineData("""{"environment":"e","sampling":{"temprature":1}}""", ProblemCodes.UnknownMember,
        "Member 'sampling.temprature' is unknown; known members of 'sampling': temperature, top_k, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty, logit_bias, min_new_tokens.")]
    [InlineData("""{"environment":"e","environment":"f"}""", ProblemCodes.DuplicateMember, "Member 'environment' appears more than once.")]
    [InlineData("""{"environment":5}""", ProblemCodes.InvalidValue, "Member 'environment' is 5; it must be a string.")]
    [InlineData("""{"environment":null}""", ProblemCodes.InvalidValue, "Member 'environment' is null; it must be a string.")]
    [InlineData("""{"environment":"e","sampling":null}""", ProblemCodes.InvalidValue, "Member 'sampling' is null; it must be an object.")]
    [InlineData("""{"environment":"e","samples_per_task":"8"}""", ProblemCodes.InvalidValue,
        "Member 'samples_per_task' is \"8\"; it must be an integer of 32 bits.")]
    [InlineData("""{"environment":"e","samples_per_task":1.5}""", ProblemCodes.InvalidValue,
        "Member 'samples_per_task' is 1.5; it must be an integer of 32 bits.")]
    [InlineData("""{"environment":"e","samples_per_task":0}""", ProblemCodes.InvalidValue,
        "Member 'samples_per_task' is 0; it must be at least 1 and at most 4096.")]
    [InlineData("""{"environment":"e","sampling":{"top_p":0}}""", ProblemCodes.InvalidValue,
        "Member 'sampling.top_p' is 0; it must be above 0 and at most 1.")]
    [InlineData("""{"environment":"e","seed":9007199254740992}""", ProblemCodes.InvalidValue,
        "Member 'seed' is 9007199254740992; it must be at least 0 and at most 9007199254740991.")]
    [InlineData("""{"environment":"e","limits":{"tool_results":{"by_tool":{"search":{"max_tokens":63}}}}}""", ProblemCodes.InvalidValue,
        "Member 'limits.tool_results.by_tool.search.max_tokens' is 63; it must be at least 64 and at most 1000000.")]
    [InlineData("""{"environment":"e","limits":{"tool_results":{"truncate":"top"}}}""", ProblemCodes.InvalidValue,
        "Member 'limits.tool_results.truncate' is \"top\"; it must be one of middle, left, right.")]
    [InlineData("""{"environment":"e","limits":{"tool_results":{"by_tool":{"a":{},"a":{}}}}}""", ProblemCodes.DuplicateMember,
        "Member 'limits.tool_results.by_tool.a' appears more than once.")]
    [InlineData("""{"environment":"e","limits":{"when_spent":"stop"}}""", ProblemCodes.InvalidValue,
        "Member 'limits.when_spent' is \"stop\"; it must be one of answer, end.")]
    [InlineData("""{"environment":"e","sampling":{"logit_bias":{"a":1}}}""", ProblemCodes.InvalidValue,
        "Member 'sampling.logit_bias' is {\"a\":1}; it must be an object with valid names.")]
    [InlineData("""{"environment":"e","sampling":{"logit_bias":{"1":"a"}}}""", ProblemCodes.InvalidValue,
        "Member 'sampling.logit_bias.1' is \"a\"; it must be a finite number.")]
    [InlineData("""{"environment":"e","tasks":{}}""", ProblemCodes.InvalidValue, "Member 'tasks' is {}; it must be an array.")]
    [InlineData("""{"environment":"e","tasks":[{"id":"a"}]}""", ProblemCodes.MissingMember, "Member 'tasks[0].data' is missing.")]
    public void A_bad_text_is_named_with_what_is_known(string json, string code, string message)
    {
        InvalidInputException exception = Assert.Throws<InvalidInputException>(() => Read(json));

        Assert.Equal(message, exception.Message);
        Assert.Equal(code, exception.Code);
    }

    private static StartRolloutRequest Read(string json) => StrictJson.Read(Encoding.UTF8.GetBytes(json), GatewayJson.Default.StartRolloutRequest);
}
