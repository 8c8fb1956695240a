using AgentRollout.Tokenization.Chat.Jinja.Nodes;

namespace AgentRollout.Tokenization.Chat.Jinja.Scoping;

/// <summary>Looks for names that have a meaning of their own, such as <c>loop</c>, anywhere below a node.</summary>
internal static class NameFinder
{
    public static bool Reads(IEnumerable<Node> nodes, string name) => FindRead(nodes, [name]).Count > 0;

    /// <summary>Which of the names are read before anything below the nodes sets them.</summary>
    public static HashSet<string> FindRead(IEnumerable<Node> nodes, HashSet<string> names)
    {
        HashSet<string> read = [];
        Visit(nodes, names, read);
        return read;
    }

    /// <summary>Whether anything in a loop, or the loop itself, assigns to the name <c>loop</c>.</summary>
    public static bool StoresLoop(Node node)
    {
        JinjaLimits.CheckStack();
        return node is NameExpression { Name: "loop", Use: NameUse.Store } || node.Children.Any(StoresLoop);
    }

    private static void Visit(IEnumerable<Node> nodes, HashSet<string> names, HashSet<string> read)
    {
        JinjaLimits.CheckStack();
        foreach (Node node in nodes)
        {
            if (node is BlockStatement)
                continue;
            if (node is NameExpression name)
            {
                if (name.Use != NameUse.Load)
                    names.Remove(name.Name);
                else if (names.Contains(name.Name))
                    read.Add(name.Name);
            }

            if (node is MacroDefinition macro)
                names.ExceptWith(macro.Parameters.Select(parameter => parameter.Name));
            Visit(node.Children, names, read);
        }
    }
}
