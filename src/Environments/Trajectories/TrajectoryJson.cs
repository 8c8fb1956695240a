using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.Drift;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Trajectories;

/// <summary>JSON of trajectories, events and replays: snake_case names, enums as snake_case words, strict on reading.</summary>
public static class TrajectoryJson
{
    /// <summary>Compact, one line: what NDJSON and the store hold.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    public static string Serialize(Trajectory trajectory) => JsonSerializer.Serialize(trajectory, Options);

    public static byte[] SerializeToUtf8(Trajectory trajectory) => JsonSerializer.SerializeToUtf8Bytes(trajectory, Options);

    /// <exception cref="JsonException">The text is not a trajectory; the message names the member.</exception>
    public static Trajectory Deserialize(ReadOnlySpan<byte> utf8) =>
        JsonSerializer.Deserialize<Trajectory>(utf8, Options) ?? throw new JsonException("A trajectory is a JSON object, not null.");

    private static JsonSerializerOptions Create()
    {
        JsonNamingPolicy policy = JsonNamingPolicy.SnakeCaseLower;
        JsonSerializerOptions options = new(JsonSerializerOptions.Strict)
        {
            // Arguments are as a model wrote them, who may say a member twice and nest to the depth of 64 that calls are read to.
            AllowDuplicateProperties = true,
            MaxDepth = 96,
            PropertyNamingPolicy = policy,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = TrajectoryJsonContext.Default,
            Converters =
            {
                new JsonStringEnumConverter<TrajectoryStatus>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<StopReason>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<FailureBoundary>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<ToolCallStatus>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<MaskPolicy>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<SegmentSource>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<ToolFailure>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<ForkReason>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<HealReason>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<DriftCause>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<VerifyOutcome>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<DifferenceKind>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<CallOutcome>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<RescoreOutcome>(policy, allowIntegerValues: false),
                new JsonStringEnumConverter<ResampleOutcome>(policy, allowIntegerValues: false),
            },
        };
        options.MakeReadOnly();
        return options;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Trajectory))]
[JsonSerializable(typeof(RolloutEvent))]
[JsonSerializable(typeof(IReadOnlyList<ChatMessage>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, double>))]
[JsonSerializable(typeof(ToolResult))]
[JsonSerializable(typeof(PromptedCall))]
[JsonSerializable(typeof(ChatMessage))]
[JsonSerializable(typeof(VerifyResult))]
[JsonSerializable(typeof(ToolReplayResult))]
[JsonSerializable(typeof(RescoreResult))]
[JsonSerializable(typeof(ResampleResult))]
[JsonSerializable(typeof(IReadOnlyList<TrajectoryTurn>))]
internal sealed partial class TrajectoryJsonContext : JsonSerializerContext;
