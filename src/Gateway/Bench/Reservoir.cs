namespace AgentRollout.Gateway.Bench;

/// <summary>A fair sample of all that was offered, of bounded size (Vitter's algorithm R).</summary>
internal sealed class Reservoir<T>(int capacity, Random random)
{
    private readonly List<T> _items = [];
    private long _offered;

    public IReadOnlyList<T> Items => _items;

    public void Offer(T item)
    {
        _offered++;
        if (_items.Count < capacity)
            _items.Add(item);
        else if (random.NextInt64(_offered) is var place && place < capacity)
            _items[(int)place] = item;
    }
}
