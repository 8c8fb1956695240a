using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Bench;
using AgentRollout.Gateway.Capture;
using AgentRollout.Gateway.Catalogs;
using AgentRollout.Gateway.Delivery;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.ExternalTools;
using AgentRollout.Gateway.Pending;
using AgentRollout.Gateway.Replay;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Telemetry;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway;

/// <summary>JSON of the server's own API and configuration: snake_case names, enums as snake_case words.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters =
    [
        typeof(SnakeCaseEnum<ContentEncoding>), typeof(SnakeCaseEnum<KvCacheType>), typeof(SnakeCaseEnum<Durability>), typeof(SnakeCaseEnum<WeightType>),
        typeof(SnakeCaseEnum<HistoryPolicy>), typeof(SnakeCaseEnum<MaskPolicy>), typeof(SnakeCaseEnum<SandboxRuntimeKind>),
        typeof(SnakeCaseEnum<LeaseUnit>), typeof(SnakeCaseEnum<PaddingSide>), typeof(SnakeCaseEnum<AdvantageKind>), typeof(SnakeCaseEnum<TrajectoryStatus>), typeof(SnakeCaseEnum<StopReason>),
        typeof(SnakeCaseEnum<RunningSequences>), typeof(SnakeCaseEnum<KvCachePolicy>),
        typeof(SnakeCaseEnum<HttpToolMethod>), typeof(SnakeCaseEnum<Truncation>), typeof(SnakeCaseEnum<SpentBudget>),
        typeof(SnakeCaseEnum<ToolTransport>), typeof(SnakeCaseEnum<LostStatePolicy>), typeof(SnakeCaseEnum<OtlpTransport>),
        typeof(SnakeCaseEnum<RemoteEngineKind>),
    ])]
[JsonSerializable(typeof(GatewayOptions))]
[JsonSerializable(typeof(StartRolloutRequest))]
[JsonSerializable(typeof(RolloutResponse))]
[JsonSerializable(typeof(RolloutList))]
[JsonSerializable(typeof(StartSessionsRequest))]
[JsonSerializable(typeof(AcceptedSessions))]
[JsonSerializable(typeof(SessionsResponse))]
[JsonSerializable(typeof(SessionResponse))]
[JsonSerializable(typeof(RewardBody))]
[JsonSerializable(typeof(TrajectoryList))]
[JsonSerializable(typeof(TrajectoryTexts))]
[JsonSerializable(typeof(GroupResponse))]
[JsonSerializable(typeof(AuditResponse))]
[JsonSerializable(typeof(ReplayRequest))]
[JsonSerializable(typeof(ForkRequest))]
[JsonSerializable(typeof(ForkResponse))]
[JsonSerializable(typeof(DiffResponse))]
[JsonSerializable(typeof(ReplayResponse))]
[JsonSerializable(typeof(IReadOnlyList<ReplayResponse>))]
[JsonSerializable(typeof(IReadOnlyList<EnvironmentResponse>))]
[JsonSerializable(typeof(SandboxesResponse))]
[JsonSerializable(typeof(RegisterHttpToolRequest))]
[JsonSerializable(typeof(RegisterMcpServerRequest))]
[JsonSerializable(typeof(McpServerResponse))]
[JsonSerializable(typeof(ToolResponse))]
[JsonSerializable(typeof(IReadOnlyList<ToolResponse>))]
[JsonSerializable(typeof(IReadOnlyList<PendingTrajectory>))]
[JsonSerializable(typeof(EngineResponse))]
[JsonSerializable(typeof(AddEngineBody))]
[JsonSerializable(typeof(EngineNodeResponse))]
[JsonSerializable(typeof(IReadOnlyList<EngineNodeResponse>))]
[JsonSerializable(typeof(MemoryBody))]
[JsonSerializable(typeof(ReleasedMemory))]
[JsonSerializable(typeof(FlushedCache))]
[JsonSerializable(typeof(UpdateFromDiskBody))]
[JsonSerializable(typeof(BeginUpdateBody))]
[JsonSerializable(typeof(CommitUpdateBody))]
[JsonSerializable(typeof(UpdateBegun))]
[JsonSerializable(typeof(UpdateProgress))]
[JsonSerializable(typeof(WeightsResponse))]
[JsonSerializable(typeof(CurrentWeights))]
[JsonSerializable(typeof(WeightReport))]
[JsonSerializable(typeof(LeaseBody))]
[JsonSerializable(typeof(ExtendBody))]
[JsonSerializable(typeof(LeaseResponse))]
[JsonSerializable(typeof(LeaseEnded))]
[JsonSerializable(typeof(LeaseExtended))]
[JsonSerializable(typeof(LeasedTrajectory))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(EventsDropped))]
[JsonSerializable(typeof(IReadOnlyList<Trajectory>))]
[JsonSerializable(typeof(Microsoft.AspNetCore.Mvc.ProblemDetails))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class GatewayJson : JsonSerializerContext;

/// <summary>An enum as its snake_case word; listed above or on the enum, never on a member, where <see cref="Json.StrictJson"/> does not see it.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
