using System.Text;

namespace AgentRollout.Environments.Replay;

/// <summary>Two texts line by line, as people read differences: lines of both with a space, of the first alone with <c>-</c>, of the second alone with <c>+</c>.</summary>
internal static class LineDiff
{
    /// <summary>Lines of each text that are compared where the texts differ; what follows is left out.</summary>
    public const int MostLines = 400;

    private const int Context = 2;

    /// <summary>The difference with two common lines around it, or an empty text where there is none.</summary>
    public static string Compute(string before, string after)
    {
        string[] old = before.Split('\n'), @new = after.Split('\n');
        int head = 0;
        while (head < old.Length && head < @new.Length && old[head] == @new[head])
            head++;
        int tail = 0;
        while (tail < old.Length - head && tail < @new.Length - head && old[^(tail + 1)] == @new[^(tail + 1)])
            tail++;
        if (head == old.Length && head == @new.Length)
            return "";

        StringBuilder diff = new();
        foreach (string line in old[Math.Max(0, head - Context)..head])
            Append(diff, ' ', line);
        AppendChanged(diff, old.AsSpan(head, old.Length - head - tail), @new.AsSpan(head, @new.Length - head - tail));
        foreach (string line in old[^tail..].Take(Context))
            Append(diff, ' ', line);
        return diff.ToString();
    }

    private static void AppendChanged(StringBuilder diff, ReadOnlySpan<string> old, ReadOnlySpan<string> @new)
    {
        int omitted = Math.Max(0, old.Length - MostLines) + Math.Max(0, @new.Length - MostLines);
        old = old[..Math.Min(MostLines, old.Length)];
        @new = @new[..Math.Min(MostLines, @new.Length)];
        int[,] common = CommonLengths(old, @new);
        int i = 0, j = 0;
        while (i < old.Length || j < @new.Length)
        {
            if (i < old.Length && j < @new.Length && old[i] == @new[j])
            {
                Append(diff, ' ', old[i++]);
                j++;
            }
            else if (j == @new.Length || (i < old.Length && common[i + 1, j] >= common[i, j + 1]))
            {
                Append(diff, '-', old[i++]);
            }
            else
            {
                Append(diff, '+', @new[j++]);
            }
        }

        if (omitted > 0)
            diff.Append(System.Globalization.CultureInfo.InvariantCulture, $"… {omitted} more lines\n");
    }

    /// <summary>Length of the longest common subsequence of what follows each pair of positions.</summary>
    private static int[,] CommonLengths(ReadOnlySpan<string> old, ReadOnlySpan<string> @new)
    {
        int[,] lengths = new int[old.Length + 1, @new.Length + 1];
        for (int i = old.Length - 1; i >= 0; i--)
        {
            for (int j = @new.Length - 1; j >= 0; j--)
                lengths[i, j] = old[i] == @new[j] ? lengths[i + 1, j + 1] + 1 : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
        }

        return lengths;
    }

    private static void Append(StringBuilder diff, char sign, string line) => diff.Append(sign).Append(line).Append('\n');
}
