using System.Text;
using System.Text.RegularExpressions;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// A <c>pattern</c>, which is a regular expression of ECMA-262: <c>$</c> is the very end, and <c>\d</c> and <c>\w</c> are ASCII. It is matched
/// in linear time where it has no look-around and no back-reference, and within <see cref="Limit"/> otherwise.
/// </summary>
internal sealed class SchemaPattern
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(100);

    private readonly string _source;
    private readonly Regex _regex;

    /// <exception cref="ArgumentException">The text is no regular expression.</exception>
    public SchemaPattern(string source)
    {
        _source = source;
        string pattern = Translate(source);
        try
        {
            _regex = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, Limit);
        }
        catch (NotSupportedException)
        {
            _regex = new Regex(pattern, RegexOptions.CultureInvariant, Limit);
        }
    }

    /// <summary>Null where the text has a match; a text that takes too long to match has none.</summary>
    public string? FindError(string text)
    {
        try
        {
            return _regex.IsMatch(text) ? null : $"must match the pattern {_source}";
        }
        catch (RegexMatchTimeoutException)
        {
            return $"must be simpler, because it takes too long to match with the pattern {_source}";
        }
    }

    private static string Translate(string source)
    {
        var text = new StringBuilder(source.Length);
        bool inClass = false;
        for (int i = 0; i < source.Length; i++)
        {
            char character = source[i];
            if (character == '\\' && i + 1 < source.Length)
            {
                text.Append(Escape(source[++i], inClass));
                continue;
            }

            // A bracket inside a class is a plain character there and could begin a subtraction here.
            text.Append((character, inClass) switch
            {
                ('$', false) => @"\z",
                ('[', true) => @"\[",
                _ => character.ToString(),
            });
            inClass = character == '[' || (inClass && character != ']');
        }

        return text.ToString();
    }

    private static string Escape(char escaped, bool inClass) => (escaped, inClass) switch
    {
        ('d', false) => "[0-9]",
        ('d', true) => "0-9",
        ('D', false) => "[^0-9]",
        ('w', false) => "[A-Za-z0-9_]",
        ('w', true) => "A-Za-z0-9_",
        ('W', false) => "[^A-Za-z0-9_]",
        _ => $"\\{escaped}",
    };
}
