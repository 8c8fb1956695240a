using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Tokens that a message adds to a sequence, with their source.</summary>
/// <param name="Source"><see cref="SegmentSource.Observation"/> for the messages, <see cref="SegmentSource.Scaffold"/> for what stands around.</param>
/// <param name="Tokens">The tokens; never empty.</param>
public sealed record RenderedSpan(SegmentSource Source, int[] Tokens);
