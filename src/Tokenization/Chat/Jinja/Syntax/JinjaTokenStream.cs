namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

/// <summary>The tokens of a template, with the look-ahead of one that the grammar needs.</summary>
internal sealed class JinjaTokenStream
{
    private readonly List<JinjaToken> _tokens;
    private int _position;

    public JinjaTokenStream(List<JinjaToken> tokens)
    {
        _tokens = tokens;
        CheckCurrent();
    }

    public JinjaToken Current => _tokens[_position];

    public JinjaToken Following => _tokens[Math.Min(_position + 1, _tokens.Count - 1)];

    public JinjaToken Take()
    {
        JinjaToken token = Current;
        if (_position < _tokens.Count - 1)
            _position++;
        CheckCurrent();
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

    public JinjaToken ExpectName() => Expect(JinjaTokenKind.Name, "name");

    public void ExpectName(string name)
    {
        if (!TakeName(name))
            throw Expected(name);
    }

    public JinjaToken Expect(JinjaTokenKind kind, string what) => Current.Kind == kind ? Take() : throw Expected(what);

    public JinjaException Expected(string what) => JinjaException.Syntax(
        Current.Kind == JinjaTokenKind.End
            ? $"unexpected end of template, expected '{what}'."
            : $"expected token '{what}', got {Quoted(Current.Description)}",
        Current.Line);

    public static string Quoted(string text) => Values.PythonPrinter.Represent(new Values.PythonString(text));

    private void CheckCurrent()
    {
        if (Current.Kind == JinjaTokenKind.Error)
            throw JinjaException.Syntax(Current.Text, Current.Line);
    }
}
