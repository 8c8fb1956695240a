using System.Diagnostics.CodeAnalysis;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// A map that forgets what was not asked for lately: at least the last <c>capacity</c> keys are kept, at most twice as many. Not thread-safe.
/// </summary>
internal sealed class RecentKeys<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private Dictionary<TKey, TValue> _young = [];
    private Dictionary<TKey, TValue> _old = [];

    public void Set(TKey key, TValue value)
    {
        if (_young.Count >= capacity && !_young.ContainsKey(key))
            (_old, _young) = (_young, []);
        _young[key] = value;
    }

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (_young.TryGetValue(key, out value))
            return true;
        if (!_old.TryGetValue(key, out value))
            return false;
        Set(key, value);
        return true;
    }

    public void Clear()
    {
        _young.Clear();
        _old.Clear();
    }
}
