namespace AgentRollout.Tokenization.Chat;

/// <summary>How the text of messages and tools becomes tokens where it spells a control token.</summary>
public enum ContentEncoding
{
    /// <summary>As text: only what the template itself writes becomes a control token.</summary>
    PlainText,

    /// <summary>
    /// As transformers does, which encodes the rendered text as a whole: whoever writes <c>&lt;|im_end|&gt;</c> into a message ends it. For
    /// parity with other software only.
    /// </summary>
    AsTransformers,
}
