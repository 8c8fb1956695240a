using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>JSON of vLLM's protocol.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(VllmError))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(TokenPiece))]
[JsonSerializable(typeof(TokenizedPrompt))]
[JsonSerializable(typeof(DetokenizedText))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, bool>))]
[JsonSerializable(typeof(Dictionary<string, int>))]
[JsonSerializable(typeof(NamedVersion))]
[JsonSerializable(typeof(RpcResults))]
internal sealed partial class VllmJson : JsonSerializerContext;
