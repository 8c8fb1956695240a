using System.Text.Json;

namespace AgentRollout.Environments.Telemetry;

/// <summary>Names of attributes and their values: those of OpenTelemetry's conventions for generative AI, and our own under <c>agentrollout</c>.</summary>
internal static class GenAi
{
    public const string OperationName = "gen_ai.operation.name";
    public const string ProviderName = "gen_ai.provider.name";
    public const string RequestModel = "gen_ai.request.model";
    public const string ConversationId = "gen_ai.conversation.id";
    public const string AgentName = "gen_ai.agent.name";
    public const string ToolName = "gen_ai.tool.name";
    public const string TokenType = "gen_ai.token.type";
    public const string ErrorType = "error.type";
    public const string RolloutId = "agentrollout.rollout.id";
    public const string GroupId = "agentrollout.group.id";
    public const string Turn = "agentrollout.turn";
    public const string Stage = "agentrollout.stage";
    public const string StopReason = "agentrollout.stop_reason";
    public const string Outcome = "agentrollout.outcome";
    public const string Reason = "agentrollout.reason";

    public const string Chat = "chat";
    public const string InvokeAgent = "invoke_agent";
    public const string ExecuteTool = "execute_tool";
    public const string Input = "input";
    public const string Output = "output";

    /// <summary>Stands for every tool that is not offered.</summary>
    public const string UnknownTool = "(unknown)";

    /// <summary>A value of an enum as its snake_case word.</summary>
    public static string NameOf<T>(T value)
        where T : struct, Enum =>
        Words<T>.ByValue[value];

    /// <summary>Why an operation gave up.</summary>
    public static string NameOf(Exception exception) => exception is OperationCanceledException ? "cancelled" : exception.GetType().FullName!;

    private static class Words<T>
        where T : struct, Enum
    {
        public static readonly Dictionary<T, string> ByValue =
            Enum.GetValues<T>().ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
    }
}
