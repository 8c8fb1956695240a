using AgentRollout.Tokenization.Chat.ToolCalls.Python;

namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>A block that holds calls in Python's form.</summary>
internal sealed class PythonBody(BlockSource source) : BlockBody(source)
{
    private readonly PythonCallList _list = new(source.Turn, source.Output, source.Start, source.BodyStart);

    public override void Read(int limit) => _list.Read(limit);

    public override void End(int bodyEnd, int end, string? openError) => _list.End(bodyEnd, end, openError);
}
