using System.Globalization;

namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>Reads values of a server's <c>/metrics</c>, in the text format of Prometheus.</summary>
internal static class VllmMetrics
{
    /// <summary>The sum of a metric over its labels; null where there is none of it.</summary>
    public static double? Sum(string metrics, string name)
    {
        double? sum = null;
        foreach (ReadOnlySpan<char> line in metrics.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith(name, StringComparison.Ordinal) || line.Length == name.Length || line[name.Length] is not ('{' or ' '))
                continue;
            ReadOnlySpan<char> value = line[(line.LastIndexOf('}') is >= 0 and var brace ? brace + 1 : name.Length)..].Trim();
            if (double.TryParse(value.IndexOf(' ') is >= 0 and var space ? value[..space] : value, CultureInfo.InvariantCulture, out double number))
                sum = (sum ?? 0) + number;
        }

        return sum;
    }
}
