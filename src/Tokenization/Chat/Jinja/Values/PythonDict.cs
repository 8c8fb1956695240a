using System.Numerics;

namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>Python's <c>dict</c>: keeps the order of insertion, and keys compare as Python's do. Small ones are searched from the front.</summary>
internal sealed class PythonDict
{
    private const int SearchedFromTheFront = 8;

    private KeyValuePair<object?, object?>[] _entries;
    private Dictionary<Key, int>? _index;

    public PythonDict(int capacity = 4) => _entries = new KeyValuePair<object?, object?>[capacity];

    public int Count { get; private set; }

    public ReadOnlySpan<KeyValuePair<object?, object?>> Entries => _entries.AsSpan(0, Count);

    public IEnumerable<object?> Keys => _entries.Take(Count).Select(entry => entry.Key);

    public IEnumerable<object?> Values => _entries.Take(Count).Select(entry => entry.Value);

    /// <summary>The entries as tuples.</summary>
    public IEnumerable<object?> Pairs => _entries.Take(Count).Select(entry => new PythonTuple([entry.Key, entry.Value]));

    public bool TryGet(object? key, out object? value)
    {
        int position = key is PythonString name && _index is null ? FindText(name.Text) : Find(key);
        value = position < 0 ? null : _entries[position].Value;
        return position >= 0;
    }

    public bool TryGet(string name, out object? value)
    {
        int position = _index is null ? FindText(name) : Find(new PythonString(name));
        value = position < 0 ? null : _entries[position].Value;
        return position >= 0;
    }

    public void Set(object? key, object? value)
    {
        int position = Find(key);
        if (position >= 0)
            _entries[position] = new(_entries[position].Key, value);
        else
            Add(key, value);
    }

    /// <summary>Adds an entry whose key is known to be new.</summary>
    public void Add(object? key, object? value)
    {
        if (Count == _entries.Length)
            Array.Resize(ref _entries, Math.Max(4, Count * 2));
        _entries[Count] = new(key, value);
        _index?.Add(new Key(key), Count);
        Count++;
    }

    public PythonDict Copy()
    {
        PythonDict copy = new(Count);
        foreach ((object? key, object? value) in Entries)
            copy.Add(key, value);
        return copy;
    }

    private int FindText(string name)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_entries[i].Key is PythonString key && (ReferenceEquals(key.Text, name) || key.Text == name))
                return i;
        }

        return -1;
    }

    private int Find(object? key)
    {
        CheckHashable(key);
        if (_index is null && Count > SearchedFromTheFront)
        {
            _index = new Dictionary<Key, int>(Count * 2);
            for (int i = 0; i < Count; i++)
                _index.Add(new Key(_entries[i].Key), i);
        }

        if (_index is not null)
            return _index.GetValueOrDefault(new Key(key), -1);
        for (int i = 0; i < Count; i++)
        {
            if (PythonOperators.AreEqual(_entries[i].Key, key))
                return i;
        }

        return -1;
    }

    /// <summary>Fails where a value cannot be a key.</summary>
    public static void CheckHashable(object? key)
    {
        if (key is PythonList or PythonDict)
            throw JinjaException.Type($"unhashable type: '{PythonTypes.Name(key)}'");
        if (key is PythonTuple tuple)
        {
            JinjaLimits.CheckStack();
            foreach (object? item in tuple.Items)
                CheckHashable(item);
        }
    }

    private readonly struct Key(object? value) : IEquatable<Key>
    {
        private readonly object? _value = value;

        public bool Equals(Key other) => PythonOperators.AreEqual(_value, other._value);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode() => _value switch
        {
            null => 0,
            PythonString text => text.Text.GetHashCode(StringComparison.Ordinal),
            bool or long or BigInteger or double => PythonNumbers.ToNearestDouble(_value).GetHashCode(),
            PythonTuple tuple => tuple.Items.Length,
            JinjaUndefined => 1,
            PythonRange range => range.Length,
            _ => _value.GetHashCode(),
        };
    }
}
