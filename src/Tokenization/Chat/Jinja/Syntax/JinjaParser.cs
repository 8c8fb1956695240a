using AgentRollout.Tokenization.Chat.Jinja.Nodes;

namespace AgentRollout.Tokenization.Chat.Jinja.Syntax;

/// <summary>Parses a template into statements: those of Jinja 3.1, its loop controls, and transformers' <c>{% generation %}</c>.</summary>
internal sealed class JinjaParser
{
    private readonly JinjaTokenStream _stream;
    private readonly JinjaExpressionParser _expressions;
    private readonly List<string> _openTags = [];
    private readonly List<string[]> _awaitedEnds = [];
    private int _loopDepth;

    private JinjaParser(JinjaTokenStream stream)
    {
        _stream = stream;
        _expressions = new JinjaExpressionParser(stream);
    }

    /// <exception cref="JinjaException">The source is no template, or uses what is not supported.</exception>
    public static Block Parse(string source)
    {
        JinjaParser parser = new(new JinjaTokenStream(JinjaLexer.Tokenize(source)));
        return parser.ParseBody();
    }

    /// <summary>Statements up to the end of the template or a tag with one of the names, on which the stream then stands.</summary>
    private Block ParseBody(params string[] ends)
    {
        JinjaLimits.CheckStack();
        if (ends.Length > 0)
            _awaitedEnds.Add(ends);
        List<Statement> body = [];
        while (_stream.Current.Kind != JinjaTokenKind.End)
        {
            JinjaToken token = _stream.Take();
            switch (token.Kind)
            {
                case JinjaTokenKind.Data:
                    body.Add(new TextStatement(token.Text, token.Line));
                    continue;
                case JinjaTokenKind.VariableBegin:
                    body.Add(new PrintStatement(_expressions.ParseTuple(), token.Line));
                    _stream.Expect(JinjaTokenKind.VariableEnd, "end of print statement");
                    continue;
            }

            if (_stream.Current.Kind == JinjaTokenKind.Name && ends.Contains(_stream.Current.Text))
            {
                _awaitedEnds.RemoveAt(_awaitedEnds.Count - 1);
                return new Block([.. body]);
            }

            body.AddRange(ParseStatement());
            _stream.Expect(JinjaTokenKind.BlockEnd, "end of statement block");
        }

        return ends.Length == 0 ? new Block([.. body]) : throw WrongTag(null, _stream.Current.Line);
    }

    /// <summary>The statements of a tag up to one of its end tags, from the end of the opening tag; the stream then stands on the end's name.</summary>
    private Block ParseStatements(params string[] ends)
    {
        _stream.TakeOperator(":");
        _stream.Expect(JinjaTokenKind.BlockEnd, "end of statement block");
        return ParseBody(ends);
    }

    private Block ParseStatementsTo(string end)
    {
        Block body = ParseStatements(end);
        _stream.Take();
        return body;
    }

    private IEnumerable<Statement> ParseStatement()
    {
        JinjaToken tag = _stream.Current;
        if (tag.Kind != JinjaTokenKind.Name)
            throw JinjaException.Syntax("tag name expected", tag.Line);
        _stream.Take();
        _openTags.Add(tag.Text);
        IEnumerable<Statement>? statements = tag.Text == "print" ? ParsePrint() : ParseStatement(tag) is { } statement ? [statement] : null;
        _openTags.RemoveAt(_openTags.Count - 1);
        return statements ?? throw WrongTag(tag.Text, tag.Line);
    }

    private Statement? ParseStatement(JinjaToken tag) => tag.Text switch
    {
        "if" => ParseIf(tag.Line),
        "for" => ParseFor(tag.Line),
        "set" => ParseSet(tag.Line),
        "macro" => ParseMacro(tag.Line),
        "call" => ParseCallBlock(tag.Line),
        "with" => ParseWith(tag.Line),
        "filter" => new FilterBlockStatement(_expressions.ParseFilters(null, startsInline: true)!, ParseStatementsTo("endfilter"), tag.Line),
        "generation" => new GenerationStatement(new MacroDefinition(null, [], OutsideLoops(() => ParseStatementsTo("endgeneration")), tag.Line), tag.Line),
        "break" => _loopDepth > 0 ? new BreakStatement(tag.Line) : throw new JinjaException("SyntaxError", "'break' outside loop", tag.Line),
        "continue" => _loopDepth > 0 ? new ContinueStatement(tag.Line) : throw new JinjaException("SyntaxError", "'continue' not properly in loop", tag.Line),
        "block" => ParseBlock(tag.Line),
        "autoescape" => ParseAutoescape(tag.Line),
        "include" or "import" or "from" or "extends" => ParseLoader(tag),
        _ => null,
    };

    private List<Statement> ParsePrint()
    {
        List<Statement> values = [];
        while (_stream.Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (values.Count > 0)
                _stream.ExpectOperator(",");
            values.Add(new PrintStatement(_expressions.ParseExpression(), _stream.Current.Line));
        }

        return values;
    }

    private IfStatement ParseIf(int line)
    {
        List<(Expression, Block)> branches = [];
        while (true)
        {
            Expression test = _expressions.ParseTuple(withConditional: false);
            branches.Add((test, ParseStatements("elif", "else", "endif")));
            string tag = _stream.Take().Text;
            if (tag != "elif")
                return new IfStatement([.. branches], tag == "else" ? ParseStatementsTo("endif") : Block.Empty, line);
        }
    }

    private ForStatement ParseFor(int line)
    {
        Expression target = _expressions.ParseTarget("in");
        _stream.ExpectName("in");
        Expression iterable = _expressions.ParseTuple(withConditional: false, end: "recursive");
        Expression? test = _stream.TakeName("if") ? _expressions.ParseExpression() : null;
        bool isRecursive = _stream.TakeName("recursive");
        _loopDepth++;
        Block body = ParseStatements("endfor", "else");
        _loopDepth--;
        Block otherwise = Block.Empty;
        if (_stream.Take().Text == "else")
            otherwise = isRecursive ? OutsideLoops(() => ParseStatementsTo("endfor")) : ParseStatementsTo("endfor");
        return new ForStatement(target, iterable, test, body, otherwise, isRecursive, line);
    }

    private Statement ParseSet(int line)
    {
        Expression target = _expressions.ParseTarget(null, withNamespace: true);
        if (_stream.TakeOperator("="))
            return new SetStatement(target, _expressions.ParseTuple(), line);
        FilterExpression? filter = _expressions.ParseFilters(null, startsInline: false);
        return new SetBlockStatement(target, filter, ParseStatementsTo("endset"), line);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _expressions.ParseName().Name;
        MacroParameter[] parameters = ParseParameters();
        return new MacroStatement(new MacroDefinition(name, parameters, OutsideLoops(() => ParseStatementsTo("endmacro")), line), line);
    }

    private CallBlockStatement ParseCallBlock(int line)
    {
        MacroParameter[] parameters = _stream.Current.IsOperator("(") ? ParseParameters() : [];
        if (_expressions.ParseExpression() is not CallExpression call)
            throw JinjaException.Syntax("expected call", line);
        return new CallBlockStatement(call, new MacroDefinition(null, parameters, OutsideLoops(() => ParseStatementsTo("endcall")), line), line);
    }

    /// <summary>What is called has no loop around it that it could leave.</summary>
    private Block OutsideLoops(Func<Block> parse)
    {
        (int outer, _loopDepth) = (_loopDepth, 0);
        Block body = parse();
        _loopDepth = outer;
        return body;
    }

    private MacroParameter[] ParseParameters()
    {
        List<MacroParameter> parameters = [];
        _stream.ExpectOperator("(");
        while (!_stream.Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
                _stream.ExpectOperator(",");
            NameExpression name = _expressions.ParseName();
            Expression? fallback = _stream.TakeOperator("=") ? _expressions.ParseExpression() : null;
            if (fallback is null && parameters is [.., { Default: not null }])
                throw JinjaException.Syntax("non-default argument follows default argument", _stream.Current.Line);
            parameters.Add(new MacroParameter(name.Name, fallback));
        }

        _stream.Take();
        return [.. parameters];
    }

    private WithStatement ParseWith(int line)
    {
        List<(Expression, Expression)> bindings = [];
        while (_stream.Current.Kind != JinjaTokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
                _stream.ExpectOperator(",");
            Expression target = _expressions.ParseTarget(null);
            _stream.ExpectOperator("=");
            bindings.Add((target, _expressions.ParseExpression()));
        }

        return new WithStatement([.. bindings], ParseStatementsTo("endwith"), line);
    }

    private BlockStatement ParseBlock(int line)
    {
        string name = _stream.ExpectName().Text;
        bool isScoped = _stream.TakeName("scoped");
        bool isRequired = _stream.TakeName("required");
        if (_stream.Current.IsOperator("-"))
        {
            throw JinjaException.Syntax(
                "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.", _stream.Current.Line);
        }

        Block body = OutsideLoops(() => ParseStatementsTo("endblock"));
        if (isRequired && !body.Statements.All(child => child is TextStatement text && string.IsNullOrWhiteSpace(text.Text)))
            throw JinjaException.Syntax("Required blocks can only contain comments or whitespace", line);
        _stream.TakeName(name);
        return new BlockStatement(name, body, isScoped, isRequired, line);
    }

    private ScopeStatement ParseAutoescape(int line)
    {
        if (_expressions.ParseExpression() is not Literal { Value: false })
            throw JinjaException.Unsupported("Automatic escaping", line);
        return new ScopeStatement(ParseStatementsTo("endautoescape"), line);
    }

    /// <summary>Statements about other templates fail only when they are reached.</summary>
    private LoaderStatement ParseLoader(JinjaToken tag)
    {
        Expression template = _expressions.ParseExpression();
        List<string> names = [];
        if (tag.Text == "import")
        {
            _stream.ExpectName("as");
            names.Add(_stream.ExpectName().Text);
        }
        else if (tag.Text == "from")
            _stream.ExpectName("import");
        while (_stream.Current.Kind is JinjaTokenKind.Name || _stream.Current.IsOperator(","))
        {
            JinjaToken token = _stream.Take();
            if (tag.Text == "from" && token.Kind == JinjaTokenKind.Name && token.Text is not ("as" or "with" or "without" or "context"))
                names.Add(token.Text);
        }

        return new LoaderStatement(template, [.. names], tag.Line);
    }

    /// <summary>Jinja's words for a tag that does not belong where it stands, or for the template's end before all tags are closed.</summary>
    private JinjaException WrongTag(string? tag, int line)
    {
        List<string> message = [tag is null ? "Unexpected end of template." : $"Encountered unknown tag '{tag}'."];
        if (_awaitedEnds is [.., var awaited])
        {
            string wanted = string.Join(" or ", awaited.Select(end => $"'{end}'"));
            message.Add(tag is not null && _awaitedEnds.Any(ends => ends.Contains(tag))
                ? $"You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {wanted}."
                : $"Jinja was looking for the following tags: {wanted}.");
        }

        if (_openTags is [.., var innermost])
            message.Add($"The innermost block that needs to be closed is '{innermost}'.");
        return JinjaException.Syntax(string.Join(' ', message), line);
    }
}
