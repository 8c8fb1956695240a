using AgentRollout.Tokenization.Chat.Jinja.Nodes;

namespace AgentRollout.Tokenization.Chat.Jinja.Scoping;

/// <summary>Finds the names that a scope reads and sets, in order. It looks at inner scopes only where parts of them belong to this one.</summary>
internal static class SymbolAnalysis
{
    public static void Analyse(IEnumerable<Statement> statements, SymbolTable symbols)
    {
        JinjaLimits.CheckStack();
        foreach (Statement statement in statements)
            Analyse(statement, symbols);
    }

    public static void AnalyseExpression(Node node, SymbolTable symbols)
    {
        JinjaLimits.CheckStack();
        if (node is NameExpression name)
            symbols.Load(name.Name);
        foreach (Node child in node.Children)
            AnalyseExpression(child, symbols);
    }

    /// <summary>Declares the names that a <c>for</c> or <c>with</c> binds.</summary>
    public static void DeclareTarget(Expression target, SymbolTable symbols)
    {
        JinjaLimits.CheckStack();
        if (target is NameExpression name)
            symbols.DeclareParameter(name.Name);
        else if (target is TupleExpression tuple)
        {
            foreach (Expression item in tuple.Items)
                DeclareTarget(item, symbols);
        }
    }

    private static void Analyse(Statement statement, SymbolTable symbols)
    {
        switch (statement)
        {
            case IfStatement branch:
                AnalyseIf(branch, symbols);
                break;
            case ForStatement loop:
                AnalyseExpression(loop.Iterable, symbols);
                break;
            case SetStatement set:
                AnalyseExpression(set.Value, symbols);
                StoreTarget(set.TargetExpression, symbols);
                break;
            case SetBlockStatement set:
                StoreTarget(set.TargetExpression, symbols);
                break;
            case FilterBlockStatement filter:
                AnalyseExpression(filter.Filter, symbols);
                break;
            case WithStatement with:
                foreach ((_, Expression value) in with.Bindings)
                    AnalyseExpression(value, symbols);
                break;
            case MacroStatement macro:
                symbols.Store(macro.Definition.Name!);
                break;
            case CallBlockStatement call:
                AnalyseExpression(call.Call, symbols);
                break;
            case LoaderStatement loader:
                AnalyseExpression(loader.Children.First(), symbols);
                foreach (string name in loader.Names)
                    symbols.Store(name);
                break;
            case PrintStatement:
                foreach (Node child in statement.Children)
                    AnalyseExpression(child, symbols);
                break;
        }
    }

    /// <summary>All <c>elif</c>s together are one branch, whose parts are conditions of their own.</summary>
    private static void AnalyseIf(IfStatement statement, SymbolTable symbols)
    {
        AnalyseExpression(statement.Branches[0].Test, symbols);
        SymbolTable then = symbols.Branch();
        Analyse(statement.Branches[0].Body.Statements, then);
        SymbolTable alternatives = symbols.Branch();
        foreach ((Expression test, Block body) in statement.Branches.Skip(1))
        {
            AnalyseExpression(test, alternatives);
            SymbolTable alternative = alternatives.Branch();
            Analyse(body.Statements, alternative);
            alternatives.Merge([alternative, alternatives.Branch(), alternatives.Branch()]);
        }

        SymbolTable otherwise = symbols.Branch();
        Analyse(statement.Otherwise.Statements, otherwise);
        symbols.Merge([then, alternatives, otherwise]);
    }

    private static void StoreTarget(Expression target, SymbolTable symbols)
    {
        switch (target)
        {
            case NameExpression name:
                symbols.Store(name.Name);
                break;
            case TupleExpression tuple:
                foreach (Expression item in tuple.Items)
                    StoreTarget(item, symbols);
                break;
            default:
                AnalyseExpression(target, symbols);
                break;
        }
    }
}
