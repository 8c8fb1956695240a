using System.Text;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>A pattern, character by character.</summary>
internal sealed class PatternReader(string pattern)
{
    private readonly int[] _characters = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];

    public int Position { get; set; }

    public bool IsAtEnd => Position == _characters.Length;

    public int Peek() => IsAtEnd ? throw Refused("an end where more is needed") : _characters[Position];

    public int Take()
    {
        int character = Peek();
        Position++;
        return character;
    }

    public bool TryTake(int character)
    {
        if (IsAtEnd || _characters[Position] != character)
            return false;
        Position++;
        return true;
    }

    /// <summary>Takes a text if it stands here.</summary>
    public bool TryTake(string text)
    {
        if (!_characters.AsSpan(Position).StartsWith([.. text.EnumerateRunes().Select(rune => rune.Value)]))
            return false;
        Position += text.EnumerateRunes().Count();
        return true;
    }

    /// <summary>What stands before a terminator, which is taken too.</summary>
    public string TakeUntil(char terminator)
    {
        StringBuilder text = new();
        for (int character = Take(); character != terminator; character = Take())
            text.Append(new Rune(character));
        return text.ToString();
    }

    public TokenizerException Refused(string what) =>
        new($"The pattern '{pattern}' has {what} before its character {Position + 1}; that is not supported.");
}
