namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>A format whose calls stand in blocks between markers, with text and a reasoning part around.</summary>
/// <param name="Open">What opens a block.</param>
/// <param name="Close">What closes it; null where the next block or the end of the turn does.</param>
/// <param name="Begin">Begins to read a block.</param>
internal sealed record BlockGrammar(string Open, string? Close, Func<BlockSource, BlockBody> Begin)
{
    /// <summary>Markers around blocks or text that say nothing themselves.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    public string OpenReasoning { get; init; } = "<think>";

    public string CloseReasoning { get; init; } = "</think>";
}

/// <summary>What a block is read from, and where it goes.</summary>
/// <param name="Turn">The turn.</param>
/// <param name="Output">Gets the calls.</param>
/// <param name="Tools">The tools that were offered.</param>
/// <param name="Marker">The marker of a text.</param>
/// <param name="Start">Where the block's opening marker begins.</param>
/// <param name="BodyStart">Where its body begins.</param>
internal sealed record BlockSource(
    TurnCursor Turn, TurnBuilder Output, IReadOnlyList<FunctionSchema> Tools, Func<string, Marker> Marker, int Start, int BodyStart);
