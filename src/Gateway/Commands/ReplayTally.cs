using System.Text.Json;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Commands;

/// <summary>Counts the outcomes of a replay, and tells of a long one from time to time.</summary>
/// <param name="error">Hears of progress.</param>
/// <param name="time">The clock.</param>
internal sealed class ReplayTally<T>(TextWriter error, TimeProvider time) where T : struct, Enum
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly SortedDictionary<T, int> _counts = [];
    private long _told = time.GetTimestamp();

    /// <summary>Outcomes counted so far.</summary>
    public int Count { get; private set; }

    /// <summary>How many had this outcome.</summary>
    public int this[T outcome] => _counts.GetValueOrDefault(outcome);

    public void Add(T outcome, int count = 1)
    {
        Count += count;
        _counts[outcome] = _counts.GetValueOrDefault(outcome) + count;
        if (time.GetElapsedTime(_told) < Interval)
            return;
        _told = time.GetTimestamp();
        error.WriteLine(ToString());
    }

    /// <summary>For people: <c>3: 2 bit_exact, 1 differs</c>.</summary>
    public override string ToString() => $"{Count}: {string.Join(", ", _counts.Select(pair => $"{pair.Value} {StatusText.Of(pair.Key)}"))}";

    /// <summary>The same as one JSON object.</summary>
    public string ToJson() => JsonSerializer.Serialize(
        new Dictionary<string, int>(_counts.Select(pair => KeyValuePair.Create(StatusText.Of(pair.Key), pair.Value))) { ["count"] = Count });
}
