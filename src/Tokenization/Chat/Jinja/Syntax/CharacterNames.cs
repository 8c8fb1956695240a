using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

/// <summary>
/// Characters by their names in Unicode, as <c>\N{BULLET}</c> in a string literal asks for. The names are a resource, read when a template
/// first names a character.
/// </summary>
internal static class CharacterNames
{
    private static readonly Lazy<Dictionary<string, string>> _names = new(Read);

    /// <summary>The character with a name, in upper or lower case; null where there is none.</summary>
    public static string? Find(string name)
    {
        string upper = name.ToUpperInvariant();
        return FindIdeograph(upper) ?? _names.Value.GetValueOrDefault(upper);
    }

    private static string? FindIdeograph(string name)
    {
        const string Prefix = "CJK UNIFIED IDEOGRAPH-";
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
            && Rune.IsValid(code) && CharUnicodeInfo.GetUnicodeCategory(code) == UnicodeCategory.OtherLetter
                ? new Rune(code).ToString()
                : null;
    }

    /// <summary>Each line is the distance from the last code point and a name.</summary>
    private static Dictionary<string, string> Read()
    {
        using Stream resource = typeof(CharacterNames).Assembly.GetManifestResourceStream("AgentRollout.Tokenization.CharacterNames")
            ?? throw new InvalidOperationException("The names of characters are missing from the assembly.");
        using StreamReader reader = new(new BrotliStream(resource, CompressionMode.Decompress));
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        int code = 0;
        while (reader.ReadLine() is { } line)
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            code += int.Parse(line.AsSpan(0, space), CultureInfo.InvariantCulture);
            names[line[(space + 1)..]] = new Rune(code).ToString();
        }

        return names;
    }
}
