using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>What a schema asks of strings: <c>minLength</c>, <c>maxLength</c>, <c>pattern</c> and <c>format</c>.</summary>
internal sealed class StringRule
{
    private readonly int? _minLength;
    private readonly int? _maxLength;
    private readonly SchemaPattern? _pattern;
    private readonly string? _format;

    public StringRule(SchemaKeywords keywords)
    {
        _minLength = keywords.Length("minLength");
        _maxLength = keywords.Length("maxLength");
        _pattern = keywords.Pattern("pattern");
        _format = keywords.String("format");
    }

    /// <summary>Characters are Unicode code points, as the standard says. The text is read in any case, to see that it can be.</summary>
    public string? FindError(JsonElement value, string path)
    {
        string text = value.GetString()!;
        if (FindLengthError(text) is { } wrongLength)
            return $"{SchemaText.Subject(path)} {wrongLength}.";
        if (_pattern?.FindError(text) is { } wrongText)
            return $"{SchemaText.Subject(path)} {wrongText}, found {SchemaText.Shown(value)}.";
        return _format is not null && SchemaFormats.FindError(_format, text) is { } wrongForm
            ? $"{SchemaText.Subject(path)} {wrongForm}, found {SchemaText.Shown(value)}."
            : null;
    }

    private string? FindLengthError(string text)
    {
        if (_minLength is null && _maxLength is null)
            return null;
        int length = text.EnumerateRunes().Count();
        if (length < _minLength)
            return $"must have at least {_minLength} characters, found {length}";
        return length > _maxLength ? $"must have at most {_maxLength} characters, found {length}" : null;
    }
}
