using System.Text.Json;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Capture;

/// <summary>What an agent outside asks: the next assistant turn of a conversation that it sends as a whole.</summary>
/// <param name="Messages">The conversation; at least one message.</param>
/// <param name="Tools">What the model is offered.</param>
/// <param name="TemplateArguments">Further variables of the chat template; null for none.</param>
public sealed record CapturedCall(
    IReadOnlyList<ChatMessage> Messages, IReadOnlyList<FunctionSchema> Tools, IReadOnlyDictionary<string, JsonElement>? TemplateArguments = null);
