namespace AgentRollout.Tokenization.Decoding;

/// <summary>How WordPiece tokens become text.</summary>
internal static class WordPieceText
{
    private static readonly (string Written, string Meant)[] Replacements =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <summary>Joins a token to the text before it: without its prefix, or behind a space where it has none.</summary>
    public static string Join(string token, bool isFirst, string prefix, bool cleansUp)
    {
        if (!isFirst)
            token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        return cleansUp ? CleanUp(token) : token;
    }

    /// <summary>Takes back the spaces that splitting put before English punctuation and contractions.</summary>
    public static string CleanUp(string text)
    {
        foreach ((string written, string meant) in Replacements)
            text = text.Replace(written, meant, StringComparison.Ordinal);
        return text;
    }
}
