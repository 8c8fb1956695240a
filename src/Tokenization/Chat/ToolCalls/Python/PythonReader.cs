using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls.Python;

/// <summary>
/// Reads Python literals and calls with literal arguments, and writes them as JSON: strings with all escapes and joined neighbours, numbers in
/// every base, lists, tuples, dicts, <c>True</c>, <c>False</c>, <c>None</c>, and JSON's spellings of those.
/// </summary>
internal sealed class PythonReader(string text)
{
    private const int MaxDepth = 64;

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly StringBuilder _json = new();
    private int _position;
    private int _depth;

    private char Current => _position < text.Length ? text[_position] : '\0';

    /// <summary>One literal, as JSON.</summary>
    /// <exception cref="PythonSyntaxException">The text is something else.</exception>
    public static string Literal(string text)
    {
        PythonReader reader = new(text);
        reader.ReadValue();
        reader.ExpectEnd();
        return reader._json.ToString();
    }

    /// <summary><c>name(key=literal, …)</c>: the name, and the arguments as a JSON object.</summary>
    /// <exception cref="PythonSyntaxException">The text is something else.</exception>
    public static (string Name, string Arguments) Call(string text)
    {
        PythonReader reader = new(text);
        string name = reader.ReadName("a function's name", dotted: true);
        reader.Expect('(');
        reader.ReadArguments();
        reader.ExpectEnd();
        return (name, reader._json.ToString());
    }

    /// <summary>A text as a JSON string that keeps what JSON lets it keep.</summary>
    public static string Quote(string text) => JsonSerializer.Serialize(text, Relaxed);

    private void ReadArguments()
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        _json.Append('{');
        while (!Take(')'))
        {
            SkipSpace();
            if (names.Count > 0)
                _json.Append(", ");
            int start = _position;
            string name = Current is '"' or '\'' || char.IsAsciiDigit(Current) ? "" : ReadName("an argument's name", dotted: false);
            if (name.Length == 0 || !Take('='))
                throw new PythonSyntaxException($"the argument at '{Excerpt(start)}' has no name; write name=value");
            if (!names.Add(name))
                throw new PythonSyntaxException($"the argument '{name}' is given twice");
            _json.Append(Quote(name)).Append(": ");
            ReadValue();
            if (!Take(',') && !At(')'))
                throw Unexpected("',' or ')'");
        }

        _json.Append('}');
    }

    private void ReadValue()
    {
        SkipSpace();
        char c = Current;
        if (IsString())
            _json.Append(Quote(ReadStrings()));
        else if (c is '[' or '(' or '{')
            ReadContainer(c);
        else if (char.IsAsciiDigit(c) || c is '-' or '+' or '.')
            ReadNumber();
        else
            ReadWord();
    }

    private void ReadContainer(char open)
    {
        if (++_depth > MaxDepth)
            throw new PythonSyntaxException($"values nest deeper than {MaxDepth}");
        _position++;
        if (open == '{')
            ReadMembers();
        else
            ReadItems(open);
        _depth--;
    }

    /// <summary>Parentheses around one value without a comma are that value, else a tuple.</summary>
    private void ReadItems(char open)
    {
        char close = open == '[' ? ']' : ')';
        int start = _json.Length;
        int count = 0;
        bool hasComma = false;
        _json.Append('[');
        while (!Take(close))
        {
            if (count++ > 0)
                _json.Append(", ");
            ReadValue();
            bool comma = Take(',');
            hasComma |= comma;
            if (!comma && !At(close))
                throw Unexpected($"',' or '{close}'");
        }

        if (open == '(' && count == 1 && !hasComma)
            _json.Remove(start, 1);
        else
            _json.Append(']');
    }

    private void ReadMembers()
    {
        int count = 0;
        HashSet<string> keys = new(StringComparer.Ordinal);
        _json.Append('{');
        while (!Take('}'))
        {
            if (count++ > 0)
                _json.Append(", ");
            SkipSpace();
            if (!IsString())
                throw Unexpected("a text as the key of a dict");
            string key = ReadStrings();
            if (!keys.Add(key))
                throw new PythonSyntaxException($"the key '{key}' is given twice");
            _json.Append(Quote(key));
            Expect(':');
            _json.Append(": ");
            ReadValue();
            if (!Take(',') && !At('}'))
                throw Unexpected("',' or '}'");
        }

        _json.Append('}');
    }

    private void ReadWord()
    {
        int start = _position;
        string word = ReadName("a value", dotted: false);
        _json.Append(word switch
        {
            "True" or "true" => "true",
            "False" or "false" => "false",
            "None" or "null" => "null",
            _ => throw new PythonSyntaxException($"'{Excerpt(start)}' is no literal; write texts in quotes"),
        });
    }

    private void ReadNumber()
    {
        int start = _position;
        bool isNegative = Current == '-';
        if (Current is '-' or '+')
            _position++;
        int digits = _position;
        while (char.IsAsciiLetterOrDigit(Current) || Current is '_' or '.' || (Current is '+' or '-' && text[_position - 1] is 'e' or 'E' && !IsHex(digits)))
            _position++;
        string number = text[digits.._position];
        if (Number(number) is not { } json)
            throw new PythonSyntaxException($"'{Excerpt(start)}' is no number");
        _json.Append(isNegative ? "-" : "").Append(json);
    }

    private bool IsHex(int digits) => text.AsSpan(digits).StartsWith("0x", StringComparison.OrdinalIgnoreCase);

    /// <summary>A number without its sign as JSON writes it; null where it is none.</summary>
    private static string? Number(string text)
    {
        if (text.StartsWith('_') || text.EndsWith('_') || text.Contains("__", StringComparison.Ordinal))
            return null;
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        int numberBase = digits.Length < 3 || digits[0] != '0' ? 10 : char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
        if (numberBase != 10)
            return WithBase(digits.AsSpan(2), numberBase);
        if (digits.EndsWith('.') || digits.Contains(".e", StringComparison.OrdinalIgnoreCase))
            digits = digits.Insert(digits.IndexOf('.', StringComparison.Ordinal) + 1, "0");
        if (digits.StartsWith('.'))
            digits = "0" + digits;
        return ToolCallJson.TryParse(digits, out JsonElement value) is null && value.ValueKind == JsonValueKind.Number ? digits : null;
    }

    private static string? WithBase(ReadOnlySpan<char> digits, int numberBase)
    {
        BigInteger value = 0;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : numberBase;
            if (digit >= numberBase)
                return null;
            value = (value * numberBase) + digit;
        }

        return value.ToString(CultureInfo.InvariantCulture);
    }

    private bool IsString() =>
        Current is '"' or '\'' || (Current is 'r' or 'R' or 'u' or 'U' && _position + 1 < text.Length && text[_position + 1] is '"' or '\'');

    /// <summary>Neighbouring strings are one.</summary>
    private string ReadStrings()
    {
        StringBuilder value = new();
        do
        {
            bool isRaw = Current is 'r' or 'R';
            if (Current is not ('"' or '\''))
                _position++;
            PythonString.Read(text, ref _position, isRaw, value);
            SkipSpace();
        }
        while (IsString());
        return value.ToString();
    }

    private string ReadName(string what, bool dotted)
    {
        SkipSpace();
        int start = _position;
        while (char.IsLetterOrDigit(Current) || Current == '_' || (dotted && Current is '.' or '-'))
            _position++;
        return _position > start && !char.IsAsciiDigit(text[start]) ? text[start.._position] : throw Unexpected(what);
    }

    private bool At(char c)
    {
        SkipSpace();
        return Current == c && _position < text.Length;
    }

    private bool Take(char c)
    {
        if (!At(c))
            return false;
        _position++;
        return true;
    }

    private void Expect(char c)
    {
        if (!Take(c))
            throw Unexpected($"'{c}'");
    }

    private void ExpectEnd()
    {
        SkipSpace();
        if (_position < text.Length)
            throw Unexpected("the end");
    }

    private void SkipSpace()
    {
        while (Current is ' ' or '\n' or '\r' or '\t')
            _position++;
    }

    private PythonSyntaxException Unexpected(string expected) =>
        new(_position < text.Length ? $"'{Excerpt(_position)}' stands where {expected} was expected" : $"it ends where {expected} was expected");

    private string Excerpt(int start)
    {
        int end = Math.Min(text.Length, start + 20);
        return text[start..(end < text.Length && char.IsHighSurrogate(text[end - 1]) ? end - 1 : end)];
    }
}
