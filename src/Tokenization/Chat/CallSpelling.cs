using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentRollout.Tokenization.Chat;

/// <summary>How a template takes tool calls where that is not OpenAI's form with arguments as an object.</summary>
/// <param name="Ids">The form of their ids.</param>
/// <param name="ArgumentsAsText">Whether arguments are given as their JSON text, because the template joins them to other text as they are.</param>
/// <param name="Content">What may stand beside them.</param>
public sealed record CallSpelling(CallIdForm Ids, bool ArgumentsAsText, CallContent Content)
{
    private const int MistralIdLength = 9;
    private const string KimiPrefix = "functions.";
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>Everything as it is given.</summary>
    public static CallSpelling Standard { get; } = new(CallIdForm.AsGiven, ArgumentsAsText: false, CallContent.AsGiven);

    /// <summary>
    /// The id as the template takes it. It follows from the call alone, so that a call has the same one in every rendering, and an id that
    /// has the form already stays. Different ids stay different: two digests meet with probability 2^-53 (Mistral) or 2^-29 (Kimi, where
    /// the loop's own ids <c>c1</c>, <c>c2</c>, … are counted instead).
    /// </summary>
    internal string Id(string id, string function) => Ids switch
    {
        CallIdForm.NineCharacters => id.Length == MistralIdLength && id.All(char.IsAsciiLetterOrDigit) ? id : NineCharacters(id),
        CallIdForm.FunctionAndIndex => id.StartsWith(KimiPrefix, StringComparison.Ordinal) ? id : $"{KimiPrefix}{function}:{Index(id)}",
        _ => id,
    };

    /// <summary>The content beside calls as the template takes it.</summary>
    internal string? ContentBesideCalls(string? content) => Content switch
    {
        CallContent.None => null,
        CallContent.Text => content ?? "",
        _ => content,
    };

    private static string NineCharacters(string id)
    {
        ulong digest = Digest(id);
        return string.Create(MistralIdLength, digest, static (characters, rest) =>
        {
            foreach (ref char character in characters)
            {
                character = Alphabet[(int)(rest % (ulong)Alphabet.Length)];
                rest /= (ulong)Alphabet.Length;
            }
        });
    }

    /// <summary>The place of the loop's n-th call, counted from 0; else a number that no conversation counts up to.</summary>
    private static ulong Index(string id) =>
        id is ['c', >= '1' and <= '9', ..] && ulong.TryParse(id.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number - 1
            : 1_000_000 + (Digest(id) % 1_000_000_000);

    private static ulong Digest(string id) => BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(id)));
}
