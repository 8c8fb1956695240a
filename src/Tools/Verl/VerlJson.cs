using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace AgentRollout.Tools.Verl;

[JsonSourceGenerationOptions]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class VerlJson : JsonSerializerContext;
