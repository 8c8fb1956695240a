namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>How a block writes calls as tags, with one tag per argument and values without types.</summary>
internal sealed record TagShape
{
    /// <summary>What stands before a function's name; null where the block's body begins with it.</summary>
    public string? OpenCall { get; init; }

    /// <summary>What stands behind a function's name; null where the first argument or the block's end does.</summary>
    public string? BehindName { get; init; }

    /// <summary>What ends a call; null where the block's end does.</summary>
    public string? CloseCall { get; init; }

    public required string OpenKey { get; init; }

    public required string CloseKey { get; init; }

    /// <summary>What stands between <see cref="CloseKey"/> and the value; null where the value follows at once.</summary>
    public string? OpenValue { get; init; }

    public required string CloseValue { get; init; }

    /// <summary>Whether the line breaks behind the opening and before the end of a value belong to the format.</summary>
    public bool ValueHasOwnLines { get; init; }

    /// <summary>Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5.</summary>
    public static TagShape Qwen3Coder { get; } = new()
    {
        OpenCall = "<function=",
        BehindName = ">",
        CloseCall = "</function>",
        OpenKey = "<parameter=",
        CloseKey = ">",
        CloseValue = "</parameter>",
        ValueHasOwnLines = true,
    };

    /// <summary>Seed-OSS writes Qwen3-Coder's tags with values on the same line.</summary>
    public static TagShape SeedOss { get; } = Qwen3Coder with { ValueHasOwnLines = false };

    public static TagShape MiniMax { get; } = new()
    {
        OpenCall = "<invoke name=\"",
        BehindName = "\">",
        CloseCall = "</invoke>",
        OpenKey = "<parameter name=\"",
        CloseKey = "\">",
        CloseValue = "</parameter>",
    };

    /// <summary>DeepSeek-V3.2; the attribute <c>string</c> stands between key and value.</summary>
    public static TagShape DeepSeek { get; } = new()
    {
        OpenCall = "<｜DSML｜invoke name=\"",
        BehindName = "\">",
        CloseCall = "</｜DSML｜invoke>",
        OpenKey = "<｜DSML｜parameter name=\"",
        CloseKey = "\"",
        OpenValue = ">",
        CloseValue = "</｜DSML｜parameter>",
    };

    /// <summary>GLM-4.5 and later.</summary>
    public static TagShape Glm { get; } = new()
    {
        OpenKey = "<arg_key>",
        CloseKey = "</arg_key>",
        OpenValue = "<arg_value>",
        CloseValue = "</arg_value>",
    };
}
