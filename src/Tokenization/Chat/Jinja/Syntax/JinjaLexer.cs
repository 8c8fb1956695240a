// Longer than other files: whitespace control and literals share the cursor.
using System.Globalization;
using System.Text;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

/// <summary>
/// Cuts a template into tokens, with whitespace control as transformers sets it: <c>trim_blocks</c>, <c>lstrip_blocks</c>, one trailing
/// newline dropped. See "Whitespace Control" in Jinja's template designer documentation.
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Operators =
        ["**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private int _position;
    private int _line = 1;
    private bool _atLineStart = true; // the previous tag swallowed a line break, or nothing came before

    private JinjaLexer(string source)
    {
        string text = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = text.EndsWith('\n') ? text[..^1] : text;
    }

    /// <summary>The tokens; what cannot be cut becomes an error at the end, so that the parser may find an earlier one.</summary>
    public static List<JinjaToken> Tokenize(string source)
    {
        JinjaLexer lexer = new(source);
        try
        {
            while (lexer._position < lexer._source.Length)
                lexer.ReadDataAndTag();
            lexer.Add(JinjaTokenKind.End, "");
        }
        catch (JinjaException exception)
        {
            lexer._tokens.Add(new JinjaToken(JinjaTokenKind.Error, exception.Message, exception.Line));
        }

        return lexer._tokens;
    }

    private void ReadDataAndTag()
    {
        int tag = NextTag();
        if (tag < 0)
        {
            AddData(_source[_position..]);
            Advance(_source.Length);
            return;
        }

        char kind = _source[tag + 1];
        char sign = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
        AddData(StripBeforeTag(_source[_position..tag], sign, stripsLine: kind != '{'));
        Advance(tag + (sign is '-' or '+' ? 3 : 2));
        switch (kind)
        {
            case '#':
                SkipComment();
                break;
            case '%' when TryReadRaw():
                break;
            default:
                ReadTag(kind == '%');
                break;
        }
    }

    private int NextTag()
    {
        for (int i = _source.IndexOf('{', _position); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
                return i;
        }

        return -1;
    }

    private string StripBeforeTag(string text, char sign, bool stripsLine)
    {
        if (sign == '-')
            return TextSplitting.Strip(new PythonString(text), null, left: false, right: true).Text;
        if (sign == '+' || !stripsLine)
            return text;
        int lineStart = text.LastIndexOf('\n') + 1;
        bool onlySpace = (lineStart > 0 || _atLineStart) && text.AsSpan(lineStart).IndexOfAnyExcept(" \t\v\f\r") < 0;
        return onlySpace ? text[..lineStart] : text;
    }

    private void SkipComment()
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (_position == _source.Length)
            return;
        if (end < 0)
            throw JinjaException.Syntax("Missing end of comment tag", _line);
        bool strips = end > _position && _source[end - 1] == '-';
        bool keeps = end > _position && _source[end - 1] == '+';
        Advance(end + 2);
        EndTag(strips, trimsNewLine: !keeps);
    }

    /// <summary><c>{% raw %}</c> to <c>{% endraw %}</c> is data.</summary>
    private bool TryReadRaw()
    {
        int cursor = SkipSpace(_position);
        if (!IsWordAt(cursor, "raw"))
            return false;
        cursor = SkipSpace(cursor + 3);
        bool strips = cursor < _source.Length && _source[cursor] == '-';
        if (string.CompareOrdinal(_source, strips ? cursor + 1 : cursor, "%}", 0, 2) != 0)
            return false;

        Advance(cursor + (strips ? 3 : 2));
        EndTag(strips, trimsNewLine: false);
        for (int tag = _source.IndexOf("{%", _position, StringComparison.Ordinal); tag >= 0; tag = _source.IndexOf("{%", tag + 1, StringComparison.Ordinal))
        {
            char sign = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            cursor = SkipSpace(tag + (sign is '-' or '+' ? 3 : 2));
            if (!IsWordAt(cursor, "endraw"))
                continue;
            cursor = SkipSpace(cursor + 6);
            char endSign = cursor < _source.Length ? _source[cursor] : '\0';
            int close = endSign is '-' or '+' ? cursor + 1 : cursor;
            if (string.CompareOrdinal(_source, close, "%}", 0, 2) != 0)
                continue;
            AddData(StripBeforeTag(_source[_position..tag], sign, stripsLine: true));
            Advance(close + 2);
            EndTag(endSign == '-', trimsNewLine: endSign != '+');
            return true;
        }

        throw JinjaException.Syntax("Missing end of raw directive", _line);
    }

    private void ReadTag(bool isBlock)
    {
        Add(isBlock ? JinjaTokenKind.BlockBegin : JinjaTokenKind.VariableBegin, "");
        Stack<char> open = new();
        while (true)
        {
            Advance(SkipSpace(_position));
            if (_position >= _source.Length)
                return;
            if (open.Count == 0 && TryEndTag(isBlock))
                return;
            ReadToken(open);
        }
    }

    private bool TryEndTag(bool isBlock)
    {
        char sign = _source[_position];
        bool signed = sign == '-' || (sign == '+' && isBlock);
        int close = signed ? _position + 1 : _position;
        if (string.CompareOrdinal(_source, close, isBlock ? "%}" : "}}", 0, 2) != 0)
            return false;
        Add(isBlock ? JinjaTokenKind.BlockEnd : JinjaTokenKind.VariableEnd, "");
        Advance(close + 2);
        EndTag(sign == '-', trimsNewLine: isBlock && sign != '+');
        return true;
    }

    private void EndTag(bool strips, bool trimsNewLine)
    {
        int start = _position;
        if (strips)
            Advance(SkipSpace(_position));
        else if (trimsNewLine && _position < _source.Length && _source[_position] == '\n')
            Advance(_position + 1);
        _atLineStart = _position > start && _source[_position - 1] == '\n';
    }

    private void ReadToken(Stack<char> open)
    {
        char first = _source[_position];
        if (char.IsAsciiDigit(first))
            ReadNumber();
        else if (IsNamePart(_position))
            ReadName();
        else if (first is '\'' or '"')
            ReadString(first);
        else
            ReadOperator(open);
    }

    private void ReadOperator(Stack<char> open)
    {
        string symbol = Array.Find(Operators, candidate => string.CompareOrdinal(_source, _position, candidate, 0, candidate.Length) == 0)
            ?? throw UnexpectedCharacter();
        if (symbol is "(" or "[" or "{")
            open.Push(symbol[0] switch { '(' => ')', '[' => ']', _ => '}' });
        if (symbol is ")" or "]" or "}")
        {
            if (!open.TryPop(out char expected))
                throw JinjaException.Syntax($"unexpected '{symbol}'", _line);
            if (expected != symbol[0])
                throw JinjaException.Syntax($"unexpected '{symbol}', expected '{expected}'", _line);
        }

        Add(JinjaTokenKind.Operator, symbol);
        Advance(_position + symbol.Length);
    }

    private JinjaException UnexpectedCharacter()
    {
        PythonString character = new(_source.Substring(_position, CodePoints.LengthAt(_source, _position)));
        return JinjaException.Syntax($"unexpected char {PythonPrinter.Represent(character)} at {CodePoints.ToCodePoint(_source, _position)}", _line);
    }

    private void ReadName()
    {
        int end = _position;
        while (end < _source.Length && IsNamePart(end))
            end += CodePoints.LengthAt(_source, end);
        string name = _source[_position..end];
        if (!Unicode.StartsName(CodePoints.ValueAt(name, 0)) || !TextSearch.All(name, Unicode.IsNamePart))
            throw JinjaException.Syntax("Invalid character in identifier", _line);
        Add(JinjaTokenKind.Name, name);
        Advance(end);
    }

    private bool IsNamePart(int position)
    {
        int code = CodePoints.ValueAt(_source, position);
        return Unicode.IsNamePart(code) || Unicode.IsAlphanumeric(code);
    }

    private void ReadNumber()
    {
        int end = FloatEnd();
        JinjaTokenKind kind = end < 0 ? JinjaTokenKind.Integer : JinjaTokenKind.Float;
        if (end < 0)
            end = IntegerEnd();
        string text = _source[_position..end];
        Add(kind, kind == JinjaTokenKind.Float ? text.Replace("_", "", StringComparison.Ordinal) : text);
        Advance(end);
    }

    /// <summary>Where a number with a fraction or an exponent ends; -1 for none. After a point, as in <c>x.0.y</c>, it is an element.</summary>
    private int FloatEnd()
    {
        if (_position > 0 && _source[_position - 1] == '.')
            return -1;
        int end = DigitsEnd(_position);
        int fraction = end < _source.Length && _source[end] == '.' ? DigitsEnd(end + 1) : -1;
        int mantissa = fraction > 0 ? fraction : end;
        int exponent = -1;
        if (mantissa < _source.Length && (_source[mantissa] | 0x20) == 'e')
        {
            int digits = mantissa + 1 < _source.Length && _source[mantissa + 1] is '+' or '-' ? mantissa + 2 : mantissa + 1;
            exponent = DigitsEnd(digits);
        }

        return exponent > 0 ? exponent : fraction;
    }

    private int IntegerEnd()
    {
        char first = _source[_position];
        char prefix = _position + 1 < _source.Length ? (char)(_source[_position + 1] | 0x20) : '\0';
        if (first == '0' && prefix is 'x' or 'o' or 'b')
        {
            int end = RunEnd(_position + 2, digit => prefix switch
            {
                'x' => char.IsAsciiHexDigit(digit),
                'o' => digit is >= '0' and <= '7',
                _ => digit is '0' or '1',
            });
            if (end > _position + 2)
                return end;
        }

        return RunEnd(_position + 1, digit => first == '0' ? digit == '0' : char.IsAsciiDigit(digit));
    }

    /// <summary>The end of digits that single underscores may part; -1 where there is none.</summary>
    private int DigitsEnd(int position) =>
        position < _source.Length && char.IsAsciiDigit(_source[position]) ? RunEnd(position, char.IsAsciiDigit) : -1;

    private int RunEnd(int position, Func<char, bool> isDigit)
    {
        while (position < _source.Length)
        {
            int digit = _source[position] == '_' ? position + 1 : position;
            if (digit >= _source.Length || !isDigit(_source[digit]))
                break;
            position = digit + 1;
        }

        return position;
    }

    private void ReadString(char quote)
    {
        StringBuilder value = new();
        int cursor = _position + 1;
        while (true)
        {
            if (cursor >= _source.Length)
                throw UnexpectedCharacter();
            char character = _source[cursor++];
            if (character == quote)
                break;
            if (character == '\\' && cursor < _source.Length)
                ReadEscape(ref cursor, value);
            else
                value.Append(character);
        }

        Add(JinjaTokenKind.String, value.ToString());
        Advance(cursor);
    }

    /// <summary>The escapes of Python's string literals; an unknown one keeps its backslash.</summary>
    private void ReadEscape(ref int cursor, StringBuilder value)
    {
        char escape = _source[cursor++];
        switch (escape)
        {
            case '\n': break;
            case 'n': value.Append('\n'); break;
            case 't': value.Append('\t'); break;
            case 'r': value.Append('\r'); break;
            case 'a': value.Append('\a'); break;
            case 'b': value.Append('\b'); break;
            case 'f': value.Append('\f'); break;
            case 'v': value.Append('\v'); break;
            case '\\' or '\'' or '"': value.Append(escape); break;
            case 'x': AppendCodePoint(ref cursor, 2, value); break;
            case 'u': AppendCodePoint(ref cursor, 4, value); break;
            case 'U': AppendCodePoint(ref cursor, 8, value); break;
            case 'N': AppendNamed(ref cursor, value); break;
            case > '\x7F': AppendEscaped(escape, ref cursor, value); break;
            case >= '0' and <= '7':
                int octal = escape - '0';
                for (int i = 1; i < 3 && cursor < _source.Length && _source[cursor] is >= '0' and <= '7'; i++)
                    octal = (octal * 8) + (_source[cursor++] - '0');
                value.Append((char)octal);
                break;
            default: value.Append('\\').Append(escape); break;
        }
    }

    private void AppendCodePoint(ref int cursor, int digits, StringBuilder value)
    {
        if (cursor + digits > _source.Length
            || !uint.TryParse(_source.AsSpan(cursor, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint codePoint))
        {
            throw JinjaException.Syntax(TooShort(digits), _line);
        }

        if (codePoint > 0x10FFFF)
            throw JinjaException.Syntax("illegal Unicode character", _line);
        if (codePoint > 0xFFFF)
            value.Append(new Rune(codePoint).ToString());
        else
            value.Append((char)codePoint);
        cursor += digits;
    }

    private static string TooShort(int digits) => digits switch
    {
        2 => "truncated \\xXX escape",
        4 => "truncated \\uXXXX escape",
        _ => "truncated \\UXXXXXXXX escape",
    };

    /// <summary>Python escapes what is not ASCII before it reads escapes, so that a backslash before such a character stays beside its code.</summary>
    private void AppendEscaped(char first, ref int cursor, StringBuilder value)
    {
        int code = CodePoints.ValueAt(_source, cursor - 1);
        cursor += CodePoints.LengthAt(_source, cursor - 1) - 1;
        value.Append('\\').Append(first <= '\xFF' ? $"x{code:x2}" : code <= 0xFFFF ? $"u{code:x4}" : $"U{code:x8}");
    }

    private void AppendNamed(ref int cursor, StringBuilder value)
    {
        int end = cursor < _source.Length && _source[cursor] == '{' ? _source.IndexOf('}', cursor) : -1;
        if (end <= cursor + 1)
            throw JinjaException.Syntax("malformed \\N character escape", _line);
        value.Append(CharacterNames.Find(_source[(cursor + 1)..end]) ?? throw JinjaException.Syntax("unknown Unicode character name", _line));
        cursor = end + 1;
    }

    private int SkipSpace(int position)
    {
        while (position < _source.Length && Unicode.IsSpace(_source[position]))
            position++;
        return position;
    }

    private bool IsWordAt(int position, string word) =>
        string.CompareOrdinal(_source, position, word, 0, word.Length) == 0
        && (position + word.Length >= _source.Length || !IsNamePart(position + word.Length));

    private void AddData(string text)
    {
        if (text.Length > 0)
            Add(JinjaTokenKind.Data, text);
    }

    private void Add(JinjaTokenKind kind, string text) => _tokens.Add(new JinjaToken(kind, text, _line));

    private void Advance(int position)
    {
        _line += _source.AsSpan(_position..position).Count('\n');
        _position = position;
    }
}
