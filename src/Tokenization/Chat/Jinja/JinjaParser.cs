namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Parses a template into statements. Tags that chat templates have no use for are refused by name.</summary>
internal sealed class JinjaParser
{
    private readonly JinjaTokenStream _stream;
    private readonly JinjaExpressionParser _expressions;
    private int _loopDepth;

    private JinjaParser(JinjaTokenStream stream)
    {
        _stream = stream;
        _expressions = new JinjaExpressionParser(stream);
    }

    /// <exception cref="JinjaException">The source is no template, or uses what is not supported.</exception>
    public static IReadOnlyList<Statement> Parse(string source)
    {
        JinjaParser parser = new(new JinjaTokenStream(JinjaLexer.Tokenize(source)));
        IReadOnlyList<Statement> body = parser.ParseBody();
        return parser._stream.Current.Kind == JinjaTokenKind.End
            ? body
            : throw JinjaException.Syntax($"Encountered unknown tag '{parser._stream.Following.Text}'.", parser._stream.Current.Line);
    }

    /// <summary>Statements up to the end of the template or a tag with one of the names, on which the stream then stands.</summary>
    private List<Statement> ParseBody(params ReadOnlySpan<string> ends)
    {
        JinjaLimits.CheckStack();
        List<Statement> body = [];
        while (_stream.Current.Kind != JinjaTokenKind.End)
        {
            JinjaToken token = _stream.Current;
            switch (token.Kind)
            {
                case JinjaTokenKind.Data:
                    body.Add(new TextStatement(_stream.Take().Text, token.Line));
                    break;
                case JinjaTokenKind.VariableBegin:
                    _stream.Take();
                    body.Add(new PrintStatement(_expressions.ParseTuple(), token.Line));
                    _stream.Expect(JinjaTokenKind.VariableEnd, "end of print statement");
                    break;
                case JinjaTokenKind.BlockBegin when ends.Contains(_stream.Following.Text):
                    return body;
                case JinjaTokenKind.BlockBegin:
                    _stream.Take();
                    body.Add(ParseStatement());
                    break;
                default:
                    throw _stream.Unexpected();
            }
        }

        return ends.IsEmpty ? body : throw JinjaException.Syntax($"Unexpected end of template; missing {string.Join(" or ", ends.ToArray())}.", _stream.Current.Line);
    }

    /// <summary>The body of a tag up to its end tag, from the end of the opening tag to past the closing one.</summary>
    private List<Statement> ParseBlock(string end)
    {
        EndTag();
        List<Statement> body = ParseBody(end);
        TakeTag(end);
        EndTag();
        return body;
    }

    private Statement ParseStatement()
    {
        JinjaToken tag = _stream.Expect(JinjaTokenKind.Name, "name");
        switch (tag.Text)
        {
            case "if":
                return ParseIf(tag.Line);
            case "for":
                return ParseFor(tag.Line);
            case "set":
                return ParseSet(tag.Line);
            case "macro":
                return ParseMacro(tag.Line);
            case "call":
                return ParseCallBlock(tag.Line);
            case "with":
                return ParseWith(tag.Line);
            case "filter":
                return new FilterBlockStatement(_expressions.ParseBlockFilters(), ParseBlock("endfilter"), tag.Line);
            case "generation":
                return new GenerationStatement(ParseBlock("endgeneration"), tag.Line);
            case "break" or "continue" when _loopDepth > 0:
                EndTag();
                return tag.Text == "break" ? new BreakStatement(tag.Line) : new ContinueStatement(tag.Line);
            case "include" or "import" or "from" or "extends" or "block" or "autoescape" or "trans":
                throw JinjaException.Unsupported($"The tag '{tag.Text}'", tag.Line);
            default:
                throw JinjaException.Syntax($"Encountered unknown tag '{tag.Text}'.", tag.Line);
        }
    }

    private IfStatement ParseIf(int line)
    {
        List<(Expression, IReadOnlyList<Statement>)> branches = [];
        while (true)
        {
            Expression test = _expressions.ParseTuple(withConditional: false);
            EndTag();
            branches.Add((test, ParseBody("elif", "else", "endif")));
            string tag = TakeTag();
            if (tag == "elif")
                continue;
            EndTag();
            List<Statement> otherwise = [];
            if (tag == "else")
            {
                otherwise = ParseBody("endif");
                TakeTag("endif");
                EndTag();
            }

            return new IfStatement(branches, otherwise, line);
        }
    }

    private ForStatement ParseFor(int line)
    {
        Expression target = _expressions.ParseTarget();
        if (!_stream.TakeName("in"))
            throw _stream.Expected("in");
        Expression iterable = _expressions.ParseTuple(withConditional: false);
        Expression? condition = _stream.TakeName("if") ? _expressions.ParseExpression() : null;
        if (_stream.Current.IsName("recursive"))
            throw JinjaException.Unsupported("A recursive loop", line);
        EndTag();
        _loopDepth++;
        List<Statement> body = ParseBody("else", "endfor");
        _loopDepth--;
        List<Statement> otherwise = [];
        if (TakeTag() == "else")
        {
            EndTag();
            otherwise = ParseBody("endfor");
            TakeTag("endfor");
        }

        EndTag();
        return new ForStatement(target, iterable, condition, body, otherwise, line);
    }

    private Statement ParseSet(int line)
    {
        Expression target = _expressions.ParseTarget();
        if (_stream.TakeOperator("="))
        {
            SetStatement set = new(target, _expressions.ParseTuple(), line);
            EndTag();
            return set;
        }

        FilterExpression? filter = _stream.TakeOperator("|") ? _expressions.ParseBlockFilters() : null;
        return new SetBlockStatement(target, filter, ParseBlock("endset"), line);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _stream.Expect(JinjaTokenKind.Name, "name").Text;
        return new MacroStatement(new MacroDefinition(name, ParseParameters(), ParseMacroBody("endmacro")), line);
    }

    private CallBlockStatement ParseCallBlock(int line)
    {
        List<(string, Expression?)> parameters = _stream.Current.IsOperator("(") ? ParseParameters() : [];
        if (_expressions.ParseExpression() is not CallExpression call)
            throw JinjaException.Syntax("expected call", line);
        return new CallBlockStatement(call, new MacroDefinition("caller", parameters, ParseMacroBody("endcall")), line);
    }

    /// <summary>A macro's body is a function of its own: it cannot break a loop around it.</summary>
    private List<Statement> ParseMacroBody(string end)
    {
        (int outer, _loopDepth) = (_loopDepth, 0);
        List<Statement> body = ParseBlock(end);
        _loopDepth = outer;
        return body;
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        List<(string Name, Expression? Default)> parameters = [];
        _stream.ExpectOperator("(");
        while (!_stream.TakeOperator(")"))
        {
            if (parameters.Count > 0)
                _stream.ExpectOperator(",");
            JinjaToken name = _stream.Expect(JinjaTokenKind.Name, "name");
            Expression? fallback = _stream.TakeOperator("=") ? _expressions.ParseExpression() : null;
            if (fallback is null && parameters is [.., (_, not null)])
                throw JinjaException.Syntax("non-default argument follows default argument", name.Line);
            parameters.Add((name.Text, fallback));
        }

        return parameters;
    }

    private WithStatement ParseWith(int line)
    {
        List<(Expression, Expression)> bindings = [];
        while (_stream.Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
                _stream.ExpectOperator(",");
            Expression target = new NameExpression(_stream.Expect(JinjaTokenKind.Name, "name").Text, line);
            _stream.ExpectOperator("=");
            bindings.Add((target, _expressions.ParseExpression()));
        }

        return new WithStatement(bindings, ParseBlock("endwith"), line);
    }

    private void EndTag() => _stream.Expect(JinjaTokenKind.BlockEnd, "end of statement block");

    private string TakeTag()
    {
        _stream.Expect(JinjaTokenKind.BlockBegin, "begin of statement block");
        return _stream.Take().Text;
    }

    private void TakeTag(string name)
    {
        if (TakeTag() != name)
            throw _stream.Expected(name);
    }
}
