using AgentRollout.Tokenization.Chat.Jinja.Nodes;

namespace AgentRollout.Tokenization.Chat.Jinja.Scoping;

/// <summary>
/// Gives every variable its slot, once after parsing. Scopes are those of Jinja 3.1: loops, macros, blocks of text and <c>with</c> have
/// their own, <c>if</c> has not. Checks that filters and tests exist, except where a condition may keep them from being used.
/// </summary>
internal sealed class JinjaBinder
{
    private readonly List<string> _inputs = [];
    private readonly Dictionary<string, BlockStatement> _blocks = new(StringComparer.Ordinal);
    private bool _isConditional;

    /// <summary>The names that the template takes from outside.</summary>
    public IReadOnlyList<string> Inputs => _inputs;

    public IReadOnlyDictionary<string, BlockStatement> Blocks => _blocks;

    /// <summary>The slot of the variable <c>self</c>; -1 where it is not read.</summary>
    public int SelfSlot { get; private set; } = -1;

    /// <summary>Binds a whole template.</summary>
    /// <exception cref="JinjaException">A filter or test is unknown, or a block or <c>loop</c> is used wrongly.</exception>
    public (FrameLayout Layout, Scope Scope) Bind(Block template)
    {
        FrameLayout layout = new(null);
        SymbolTable symbols = new(null, layout, 0);
        CollectBlocks(template.Statements);
        if (NameFinder.Reads(template.Statements, "self"))
            SelfSlot = symbols.DeclareParameter("self");
        SymbolAnalysis.Analyse(template.Statements, symbols);
        BindAll(template, symbols);
        foreach (BlockStatement block in _blocks.Values)
            BindBlock(block, layout, symbols);
        return (layout, symbols.ToScope(Number));
    }

    private int Number(string name)
    {
        int index = _inputs.IndexOf(name);
        if (index >= 0)
            return index;
        _inputs.Add(name);
        return _inputs.Count - 1;
    }

    private void CollectBlocks(IEnumerable<Node> nodes)
    {
        JinjaLimits.CheckStack();
        foreach (Node node in nodes)
        {
            if (node is BlockStatement block && !_blocks.TryAdd(block.Name, block))
                throw new JinjaException("TemplateAssertionError", $"block '{block.Name}' defined twice", block.Line);
            if (node is Statement or MacroDefinition)
                CollectBlocks(node.Children);
        }
    }

    private void BindAll(Block body, SymbolTable symbols)
    {
        JinjaLimits.CheckStack();
        foreach (Statement statement in body.Statements)
            BindStatement(statement, symbols);
    }

    private void BindStatement(Statement statement, SymbolTable symbols)
    {
        switch (statement)
        {
            case IfStatement branch:
                BindIf(branch, symbols);
                break;
            case ForStatement loop:
                BindFor(loop, symbols);
                break;
            case SetStatement set:
                BindExpression(set.Value, symbols);
                set.Target = MakeTarget(set.TargetExpression, symbols);
                break;
            case SetBlockStatement set:
                (SymbolTable inner, set.Scope) = BindInner(set.Body, symbols, set.Filter);
                set.Target = MakeTarget(set.TargetExpression, symbols);
                break;
            case FilterBlockStatement filter:
                (_, filter.Scope) = BindInner(filter.Body, symbols, filter.Filter);
                break;
            case ScopeStatement scope:
                (_, scope.Scope) = BindInner(scope.Body, symbols, null);
                break;
            case WithStatement with:
                BindWith(with, symbols);
                break;
            case MacroStatement macro:
                BindMacro(macro.Definition, symbols);
                macro.Slot = symbols.Resolve(macro.Definition.Name!).Index;
                break;
            case CallBlockStatement call:
                BindMacro(call.Caller, symbols);
                BindExpression(call.Call, symbols);
                break;
            case GenerationStatement generation:
                BindMacro(generation.Body, symbols);
                break;
            case BlockStatement:
                break;
            default:
                foreach (Node child in statement.Children)
                    BindExpression(child, symbols);
                break;
        }
    }

    private void BindExpression(Node node, SymbolTable symbols)
    {
        JinjaLimits.CheckStack();
        switch (node)
        {
            case NameExpression name:
                name.Slot = symbols.Resolve(name.Name);
                break;
            case FilterExpression { IsKnown: false } filter when !_isConditional:
                throw new JinjaException("TemplateAssertionError", $"No filter named '{filter.Name}'.", filter.Line);
            case TestExpression { IsKnown: false } test when !_isConditional:
                throw new JinjaException("TemplateAssertionError", $"No test named '{test.Name}'.", test.Line);
        }

        bool wasConditional = _isConditional;
        _isConditional |= node is ConditionalExpression;
        foreach (Node child in node.Children)
            BindExpression(child, symbols);
        _isConditional = wasConditional;
    }

    private void BindIf(IfStatement statement, SymbolTable symbols)
    {
        bool wasConditional = _isConditional;
        _isConditional = true;
        foreach ((Expression test, Block body) in statement.Branches)
        {
            BindExpression(test, symbols);
            BindAll(body, symbols);
        }

        BindAll(statement.Otherwise, symbols);
        _isConditional = wasConditional;
    }

    private void BindFor(ForStatement loop, SymbolTable symbols)
    {
        BindExpression(loop.Iterable, symbols);
        if (NameFinder.StoresLoop(loop))
            throw new JinjaException("TemplateAssertionError", "Can't assign to special loop variable in for-loop target", loop.Line);
        bool wasConditional = _isConditional;
        _isConditional = false;
        loop.Function = loop.IsRecursive ? new FrameLayout(symbols.Layout) : null;

        SymbolTable body = symbols.Inner(loop.Function);
        if (loop.IsRecursive || NameFinder.Reads(loop.Body.Statements, "loop"))
            loop.LoopSlot = body.DeclareParameter("loop");
        SymbolAnalysis.DeclareTarget(loop.TargetExpression, body);
        SymbolAnalysis.Analyse(loop.Body.Statements, body);
        loop.Target = MakeTarget(loop.TargetExpression, body);
        BindAll(loop.Body, body);
        loop.BodyScope = body.ToScope(Number);

        if (loop.Test is { } test)
        {
            SymbolTable testing = symbols.InnerApart(loop.Function);
            SymbolAnalysis.DeclareTarget(loop.TargetExpression, testing);
            SymbolAnalysis.AnalyseExpression(test, testing);
            loop.TestTarget = MakeTarget(loop.TargetExpression, testing);
            BindExpression(test, testing);
            loop.TestScope = testing.ToScope(Number);
        }

        (_, loop.OtherwiseScope) = BindInner(loop.Otherwise, symbols, null, loop.Function);
        _isConditional = wasConditional;
    }

    private (SymbolTable Symbols, Scope Scope) BindInner(Block body, SymbolTable symbols, FilterExpression? filter, FrameLayout? function = null)
    {
        bool wasConditional = _isConditional;
        _isConditional = false;
        SymbolTable inner = symbols.Inner(function);
        SymbolAnalysis.Analyse(body.Statements, inner);
        if (filter is not null)
        {
            SymbolAnalysis.AnalyseExpression(filter, inner);
            BindExpression(filter, inner);
        }

        BindAll(body, inner);
        _isConditional = wasConditional;
        return (inner, inner.ToScope(Number));
    }

    private void BindWith(WithStatement with, SymbolTable symbols)
    {
        SymbolTable inner = symbols.Inner();
        foreach ((Expression target, Expression value) in with.Bindings)
        {
            SymbolAnalysis.DeclareTarget(target, inner);
            BindExpression(value, symbols);
        }

        bool wasConditional = _isConditional;
        _isConditional = false;
        SymbolAnalysis.Analyse(with.Body.Statements, inner);
        with.Targets = [.. with.Bindings.Select(binding => MakeTarget(binding.Target, inner))];
        BindAll(with.Body, inner);
        with.Scope = inner.ToScope(Number);
        _isConditional = wasConditional;
    }

    private void BindMacro(MacroDefinition macro, SymbolTable symbols)
    {
        bool wasConditional = _isConditional;
        _isConditional = false;
        macro.Function = new FrameLayout(symbols.Layout);
        SymbolTable inner = symbols.Inner(macro.Function);
        foreach (MacroParameter parameter in macro.Parameters)
            parameter.Slot = inner.DeclareParameter(parameter.Name);
        DeclareSpecial(macro, inner);
        foreach (MacroParameter parameter in macro.Parameters)
        {
            if (parameter.Default is { } fallback)
                SymbolAnalysis.AnalyseExpression(fallback, inner);
        }

        SymbolAnalysis.Analyse(macro.Body.Statements, inner);
        foreach (MacroParameter parameter in macro.Parameters)
        {
            if (parameter.Default is { } fallback)
                BindExpression(fallback, inner);
        }

        BindAll(macro.Body, inner);
        macro.Scope = inner.ToScope(Number);
        _isConditional = wasConditional;
    }

    private static void DeclareSpecial(MacroDefinition macro, SymbolTable inner)
    {
        HashSet<string> read = NameFinder.FindRead(macro.Body.Statements, ["caller", "kwargs", "varargs"]);
        HashSet<string> parameters = [.. macro.Parameters.Select(parameter => parameter.Name)];
        macro.ReadsCaller = read.Contains("caller");
        if (macro.ReadsCaller && parameters.Contains("caller"))
        {
            if (macro.Parameters.Any(parameter => parameter is { Name: "caller", Default: null }))
            {
                throw new JinjaException(
                    "TemplateAssertionError",
                    "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.",
                    macro.Line);
            }
        }
        else if (macro.ReadsCaller)
            macro.CallerSlot = inner.DeclareParameter("caller");
        if (read.Contains("kwargs") && !parameters.Contains("kwargs"))
            macro.KeywordsSlot = inner.DeclareParameter("kwargs");
        if (read.Contains("varargs") && !parameters.Contains("varargs"))
            macro.VariadicSlot = inner.DeclareParameter("varargs");
    }

    /// <summary>A block sees what the template itself has set, and the input, but no variables around it.</summary>
    private void BindBlock(BlockStatement block, FrameLayout template, SymbolTable templateSymbols)
    {
        if (block.IsScoped)
            throw JinjaException.Unsupported("A scoped block", block.Line);
        block.Function = new FrameLayout(template);
        SymbolTable symbols = new(null, block.Function, 0);
        if (NameFinder.Reads(block.Body.Statements, "self"))
            block.SelfSlot = symbols.DeclareParameter("self");
        SymbolAnalysis.Analyse(block.Body.Statements, symbols);
        BindAll(block.Body, symbols);
        block.Scope = symbols.ToScope(Number, name => templateSymbols.Stores.Contains(name) ? templateSymbols.Find(name)?.From(block.Function) : null);
    }

    private static Target MakeTarget(Expression target, SymbolTable symbols) => target switch
    {
        NameExpression name => new SlotTarget(symbols.Resolve(name.Name).Index),
        TupleExpression tuple => new TupleTarget([.. tuple.Items.Select(item => MakeTarget(item, symbols))]),
        AttributeExpression { Target: NameExpression owner } attribute =>
            new NamespaceTarget(symbols.Resolve(owner.Name), new Values.PythonString(attribute.Name)),
        _ => throw JinjaException.Syntax("can't assign to this expression", target.Line),
    };
}
