using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>Jinja's <c>cycler(…)</c>: gives its items in turn.</summary>
internal sealed class Cycler(object?[] items) : PythonCallable
{
    private int _position;

    public override string TypeName => "Cycler";

    public override object? Call(Arguments arguments, Renderer renderer) => throw JinjaException.Type("'Cycler' object is not callable");

    public override bool TryAttribute(string name, out object? value)
    {
        value = name switch
        {
            "items" => new PythonTuple(items),
            "pos" => Boxed.From(_position),
            "current" => items[_position],
            "next" => new BoundMethod(this, (_, _) => Next()),
            "reset" => new BoundMethod(this, (_, _) =>
            {
                _position = 0;
                return null;
            }),
            _ => Frame.Missing,
        };
        return value != Frame.Missing;
    }

    private object? Next()
    {
        object? item = items[_position];
        _position = (_position + 1) % items.Length;
        return item;
    }
}
