using System.Text.Json;

namespace AgentRollout.Environments.Capture;

/// <summary>Why a call began another sequence.</summary>
public enum ForkReason
{
    /// <summary>It shares nothing but the system prompt with what was said before: another agent's, or a conversation begun anew.</summary>
    NewConversation,

    /// <summary>The same conversation is sampled at the moment.</summary>
    Parallel,

    /// <summary>The conversation was answered already, here or further on.</summary>
    AskedAgain,

    /// <summary>Another message than before follows an answer.</summary>
    Branched,

    /// <summary>A message that is no answer is another one.</summary>
    MessageEdited,

    /// <summary>An answer is another one than was given.</summary>
    AnswerEdited,

    /// <summary>The client wrote an answer of its own behind the conversation.</summary>
    AnswerInserted,

    /// <summary>Messages are missing.</summary>
    MessagesDropped,

    /// <summary>Other tools are offered.</summary>
    ToolsChanged,

    /// <summary>Variables of the chat template are others.</summary>
    TemplateArgumentsChanged,

    /// <summary>The template cannot say what the new messages add.</summary>
    TemplateRefused,
}

/// <summary>What a client left out of an answer or wrote otherwise, where the tokens were kept as they were sampled.</summary>
public enum HealReason
{
    /// <summary>The reasoning of an answer was not sent back.</summary>
    ReasoningDropped,

    /// <summary>Blanks around an answer were removed or added.</summary>
    AnswerTrimmed,

    /// <summary>Arguments of a call have the same values in another order or spelling.</summary>
    ArgumentsRespelled,
}

/// <summary>Reasons as trajectories and counters spell them.</summary>
internal static class DriftReasonName
{
    public static string Of<T>(T reason)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString());
}
