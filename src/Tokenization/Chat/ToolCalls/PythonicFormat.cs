using AgentRollout.Tokenization.Chat.ToolCalls.Python;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// The form of Llama 3.2 and 4: the turn is a list of calls, <c>[f(a=1), g(b="x")]</c>, optionally between <c>&lt;|python_start|&gt;</c> and
/// <c>&lt;|python_end|&gt;</c>. A turn that begins otherwise is an answer.
/// </summary>
internal sealed class PythonicFormat : TurnFormat
{
    private readonly Marker[] _markers;
    private PythonCallList? _list;
    private bool _isAnswer;

    public PythonicFormat(TurnCursor turn, TurnBuilder output, Func<string, Marker> marker)
        : base(turn, output) => _markers = [marker("<|python_start|>"), marker("<|python_end|>")];

    public override void Advance()
    {
        if (!_isAnswer && _list is null)
            Decide();
        if (_list is not null && !_isAnswer)
            ReadList();
        if (_isAnswer)
            ReadAnswer();
    }

    private void Decide()
    {
        ReadOnlySpan<byte> bytes = Turn.Bytes;
        Marker start = _markers[0];
        int open = SkipSpace(0);
        if (Turn.Find(start, open, open + 1) is { } tag)
            open = SkipSpace(tag.End);
        else if (!Turn.IsFinished && start.PrefixAtEnd(bytes[open..]) == bytes.Length - open)
            return;
        int name = open < bytes.Length && bytes[open] == '[' ? SkipSpace(open + 1) : open;
        int end = name;
        while (end < bytes.Length && (char.IsAsciiLetterOrDigit((char)bytes[end]) || bytes[end] is (byte)'_' or (byte)'.' or (byte)'-' or >= 128))
            end++;
        if (end == bytes.Length && !Turn.IsFinished && (open == bytes.Length || bytes[open] == '['))
            return;
        bool isCall = open < bytes.Length && bytes[open] == '[' && end > name && end < bytes.Length && bytes[end] == '(' && !char.IsAsciiDigit((char)bytes[name]);
        _isAnswer = !isCall;
        if (isCall)
            _list = new PythonCallList(Turn, Output, SkipSpace(0), open);
    }

    private void ReadList()
    {
        _list!.Read(Turn.Length);
        if (_list.IsClosed)
        {
            Turn.Position = _list.Position;
            Output.BreakContent();
            _isAnswer = true;
        }
        else if (Turn.IsFinished)
        {
            _list.End(Turn.Length, Turn.Length, null);
        }
    }

    private void ReadAnswer()
    {
        MarkerHit hit;
        do
        {
            hit = Turn.Scan(_markers);
            Output.Content(hit.TextStart, hit.TextEnd);
        }
        while (hit.Marker is not null);
    }

    private int SkipSpace(int position)
    {
        while (position < Turn.Length && Turn.Bytes[position] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            position++;
        return position;
    }
}
