using System.Text;

namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Tells whether texts part because one of them lacks a reasoning part.</summary>
internal static class ReasoningDrift
{
    private static readonly Marker[] Markers =
    [
        new("<think>", "</think>"),
        new("<|channel|>analysis", "<|end|>", IsOwnClose: false),
        new("[THINK]", "[/THINK]"),
        new("<seed:think>", "</seed:think>"),
        new("<|START_THINKING|>", "<|END_THINKING|>"),
    ];

    /// <summary>Whether the first difference stands in a reasoning part of the one text that the other does not have.</summary>
    /// <param name="seen">The text with the reasoning.</param>
    /// <param name="retold">The other text.</param>
    /// <param name="difference">The first byte in which they differ.</param>
    /// <param name="turnStart">Where the sampled turn begins, whose prompt may have opened the part; null outside of one.</param>
    public static bool IsDropped(ReadOnlySpan<byte> seen, ReadOnlySpan<byte> retold, int difference, int? turnStart)
    {
        foreach (Marker marker in Markers)
        {
            int opened = seen[..Math.Min(seen.Length, difference + marker.Open.Length)].LastIndexOf(marker.Open);
            if (opened >= 0 && opened <= difference && IsLost(seen, retold, difference, opened, marker.Open, marker.Close))
                return true;
            if (turnStart is { } start && start <= difference && marker.IsOwnClose
                && seen[start..].IndexOf(marker.Close) >= 0 && IsLost(seen, retold, difference, start, [], marker.Close))
                return true;
        }

        return false;
    }

    /// <summary>Whether the part that begins at a place, where it reaches the difference, is missing or empty in the other text.</summary>
    private static bool IsLost(
        ReadOnlySpan<byte> seen, ReadOnlySpan<byte> retold, int difference, int start, ReadOnlySpan<byte> open, ReadOnlySpan<byte> close)
    {
        ReadOnlySpan<byte> part = seen[start..];
        int length = part.IndexOf(close);
        if (length < 0)
            length = part.Length;
        if (start + length + close.Length <= difference)
            return false;
        ReadOnlySpan<byte> other = retold[start..];
        if (!other.StartsWith(open))
            return true;
        int otherLength = other[..Math.Min(other.Length, length + close.Length)].IndexOf(close);
        return otherLength < 0
            ? open.IsEmpty
            : IsBlank(other[open.Length..otherLength]) && !IsBlank(part[open.Length..length]);
    }

    private static bool IsBlank(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(" \t\r\n"u8) < 0;

    /// <param name="Open">What opens a reasoning part.</param>
    /// <param name="Close">What closes it.</param>
    /// <param name="IsOwnClose">Whether nothing else is closed by that.</param>
    private sealed record Marker(byte[] Open, byte[] Close, bool IsOwnClose)
    {
        public Marker(string open, string close, bool IsOwnClose = true)
            : this(Encoding.UTF8.GetBytes(open), Encoding.UTF8.GetBytes(close), IsOwnClose)
        {
        }
    }
}
