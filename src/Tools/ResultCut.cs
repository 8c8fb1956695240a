using System.Globalization;

namespace AgentRollout.Tools;

/// <summary>What a cut result keeps of the full text, in UTF-16 units; where the rest was stands one sentence that says how much is left out.</summary>
/// <param name="Head">Kept from the beginning.</param>
/// <param name="Tail">Kept from the end.</param>
/// <param name="FullLength">Length of the full text.</param>
public sealed record ResultCut(int Head, int Tail, int FullLength)
{
    /// <summary>Most UTF-16 units of the sentence with its line breaks, all of them ASCII.</summary>
    public const int NoticeLength = 64;

    /// <summary>What is kept of a text, with the sentence in between.</summary>
    public static string Join(ReadOnlySpan<char> head, ReadOnlySpan<char> tail, int fullLength)
    {
        int omitted = fullLength - head.Length - tail.Length;
        string characters = omitted == 1 ? "character is" : "characters are";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{head}{(head.IsEmpty ? "" : "\n")}[{omitted} {characters} left out here.]{(tail.IsEmpty ? "" : "\n")}{tail}");
    }
}
