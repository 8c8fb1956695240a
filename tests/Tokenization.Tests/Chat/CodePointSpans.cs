using System.Text.Json;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>Vectors from Python count code points.</summary>
internal static class CodePointSpans
{
    public static CharSpan ToUtf16(string text, JsonElement span)
    {
        int[] ends = [0, .. text.EnumerateRunes().Select(rune => rune.Utf16SequenceLength)];
        for (int i = 1; i < ends.Length; i++)
            ends[i] += ends[i - 1];
        return new CharSpan(ends[span[0].GetInt32()], ends[span[1].GetInt32()]);
    }
}
