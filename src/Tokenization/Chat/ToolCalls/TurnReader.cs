namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// Reads one turn while its tokens arrive. What it reports is certain and never taken back; however the tokens are split, the joined deltas
/// are what <see cref="Turn"/> holds at the end. Not thread-safe.
/// </summary>
public abstract class TurnReader
{
    /// <summary>What became certain with these tokens; often nothing.</summary>
    public abstract IReadOnlyList<TurnDelta> Append(ReadOnlySpan<int> tokens);

    /// <summary>Ends the turn: what was held back comes out, and an open call is finished as malformed.</summary>
    public abstract IReadOnlyList<TurnDelta> Finish();

    /// <summary>The whole turn; complete after <see cref="Finish"/>.</summary>
    public abstract ParsedTurn Turn { get; }
}

/// <summary>Something of a turn that became certain.</summary>
public abstract record TurnDelta;

/// <summary>Further text of the answer.</summary>
public sealed record ContentDelta(string Text) : TurnDelta;

/// <summary>Further reasoning.</summary>
public sealed record ReasoningDelta(string Text) : TurnDelta;

/// <summary>A call began whose function is known.</summary>
/// <param name="Index">The call's place in <see cref="ParsedTurn.Calls"/>.</param>
/// <param name="Name">The function's name.</param>
public sealed record CallStarted(int Index, string Name) : TurnDelta;

/// <summary>Further JSON text of a call's arguments.</summary>
/// <param name="Index">The call's place in <see cref="ParsedTurn.Calls"/>.</param>
/// <param name="Text">JSON, to be joined to the text before it.</param>
public sealed record ArgumentsDelta(int Index, string Text) : TurnDelta;

/// <summary>A call ended, well-formed or not; one whose name cannot be read has no <see cref="CallStarted"/> before.</summary>
/// <param name="Index">The call's place in <see cref="ParsedTurn.Calls"/>.</param>
/// <param name="Call">The call.</param>
public sealed record CallFinished(int Index, ParsedCall Call) : TurnDelta;
