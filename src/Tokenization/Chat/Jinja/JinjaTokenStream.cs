namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>The tokens of a template, with the look-ahead of one that the grammar needs.</summary>
internal sealed class JinjaTokenStream(List<JinjaToken> tokens)
{
    private int _position;

    public JinjaToken Current => tokens[_position];

    public JinjaToken Following => tokens[Math.Min(_position + 1, tokens.Count - 1)];

    public JinjaToken Take()
    {
        JinjaToken token = Current;
        if (_position < tokens.Count - 1)
            _position++;
        return token;
    }

    public bool TakeOperator(string symbol)
    {
        if (!Current.IsOperator(symbol))
            return false;
        Take();
        return true;
    }

    public bool TakeName(string name)
    {
        if (!Current.IsName(name))
            return false;
        Take();
        return true;
    }

    public void ExpectOperator(string symbol)
    {
        if (!TakeOperator(symbol))
            throw Expected(symbol);
    }

    public JinjaToken Expect(JinjaTokenKind kind, string what) => Current.Kind == kind ? Take() : throw Expected(what);

    public JinjaException Expected(string what) =>
        JinjaException.Syntax($"expected token '{what}', got '{Current.Description}'", Current.Line);

    public JinjaException Unexpected() => JinjaException.Syntax($"unexpected '{Current.Description}'", Current.Line);
}
