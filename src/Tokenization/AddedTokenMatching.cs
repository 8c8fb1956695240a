namespace AgentRollout.Tokenization;

/// <summary>What encoding does with text that spells an added token such as <c>&lt;|im_end|&gt;</c>.</summary>
public enum AddedTokenMatching
{
    /// <summary>It becomes that token, as in Hugging Face's tokenizers: right for rendered templates.</summary>
    All,

    /// <summary>It stays ordinary text, so that untrusted text cannot spell a control token.</summary>
    None,
}
