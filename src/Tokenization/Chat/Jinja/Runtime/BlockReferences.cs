using AgentRollout.Tokenization.Chat.Jinja.Nodes;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The variable <c>self</c>, whose attributes are the template's blocks.</summary>
internal sealed class BlockReferences(IReadOnlyDictionary<string, BlockStatement> blocks)
{
    public PythonCallable? Find(string name) => blocks.TryGetValue(name, out BlockStatement? block)
        ? new GlobalFunction("BlockReference", null, (_, renderer) => block.Capture(renderer))
        : null;
}
