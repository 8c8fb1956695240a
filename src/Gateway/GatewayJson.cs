using System.Text.Json;
using System.Text.Json.Serialization;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway;

/// <summary>JSON of the server's own API and configuration: snake_case names, enums as snake_case words.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(SnakeCaseEnum<RolloutState>), typeof(SnakeCaseEnum<WaitsFor>)])]
[JsonSerializable(typeof(GatewayOptions))]
[JsonSerializable(typeof(StartRolloutRequest))]
internal sealed partial class GatewayJson : JsonSerializerContext;

/// <summary>An enum as its snake_case word.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
