namespace AgentRollout.Tokenization.Chat;

/// <summary>The form in which a template takes the ids of tool calls.</summary>
public enum CallIdForm
{
    /// <summary>Any text.</summary>
    AsGiven,

    /// <summary>Exactly nine letters and digits (Mistral).</summary>
    NineCharacters,

    /// <summary><c>functions.NAME:INDEX</c>, the index from 0 through the whole conversation, because the id is all that is written of a call's name (Kimi).</summary>
    FunctionAndIndex,
}
