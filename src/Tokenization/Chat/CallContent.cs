namespace AgentRollout.Tokenization.Chat;

/// <summary>What content a template takes beside tool calls.</summary>
public enum CallContent
{
    /// <summary>A text or none.</summary>
    AsGiven,

    /// <summary>A text; where there is none, an empty one.</summary>
    Text,

    /// <summary>None: of a message with content and calls the template writes the content alone, so that the content is left out (DeepSeek).</summary>
    None,
}
