namespace AgentRollout.Tokenization.Chat.ToolCalls.Python;

/// <summary>A text is not the Python that was expected; the message is half a sentence for the model.</summary>
internal sealed class PythonSyntaxException(string message) : Exception(message);
