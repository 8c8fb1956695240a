namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>What split patterns tell apart.</summary>
internal enum CharacterClass : byte
{
    /// <summary>Ll</summary>
    Lower,

    /// <summary>Lu and Lt</summary>
    Upper,

    /// <summary>Lm and Lo</summary>
    Uncased,

    /// <summary>M</summary>
    Mark,

    /// <summary>N</summary>
    Number,

    /// <summary>Whatever the others are not.</summary>
    Other,

    /// <summary>White space without CR and LF.</summary>
    Space,

    /// <summary>CR and LF, which are white space too.</summary>
    NewLine,
}
