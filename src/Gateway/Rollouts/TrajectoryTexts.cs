using System.Text;
using System.Text.Unicode;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>What a trajectory's token ids say, and which message says it: what people need to read the record.</summary>
/// <param name="Id">The trajectory.</param>
/// <param name="Texts">The text of each id that occurs, control characters included; bytes that are no text by themselves as <c>&lt;0xE2&gt;</c>.</param>
/// <param name="Special">The ids among them that are control tokens.</param>
/// <param name="Bytes">The ids among them whose bytes are no text by themselves.</param>
/// <param name="Origins">For each sequence the runs of tokens that one message says; tokens whose origin is unknown are in none.</param>
internal sealed record TrajectoryTexts(
    string Id,
    IReadOnlyDictionary<int, string> Texts,
    IReadOnlyList<int> Special,
    IReadOnlyList<int> Bytes,
    IReadOnlyList<IReadOnlyList<OriginRun>> Origins)
{
    /// <exception cref="ConflictException">The trajectory was made with another tokenizer.</exception>
    public static TrajectoryTexts Of(Trajectory trajectory, ChatFormat format)
    {
        Tokenizer tokenizer = format.Tokenizer;
        if (trajectory.Model.TokenizerHash != tokenizer.Hash)
        {
            throw new ConflictException(
                ProblemCodes.OtherTokenizer,
                $"Trajectory '{trajectory.Id}' was made with tokenizer {trajectory.Model.TokenizerHash}, but the served model's is {tokenizer.Hash}.");
        }

        int[] ids = [.. trajectory.Sequences.SelectMany(sequence => sequence.TokenIds).Distinct().Order()];
        return new TrajectoryTexts(
            trajectory.Id,
            ids.ToDictionary(id => id, id => IsText(tokenizer, id) ? Encoding.UTF8.GetString(tokenizer.BytesOf(id)) : tokenizer.Describe(id)),
            [.. ids.Where(tokenizer.IsSpecial)],
            [.. ids.Where(id => !IsText(tokenizer, id))],
            [.. TrajectoryTokens.Read(trajectory, format).Select(FindRuns)]);
    }

    private static bool IsText(Tokenizer tokenizer, int id) => Utf8.IsValid(tokenizer.BytesOf(id));

    private static List<OriginRun> FindRuns(TrajectoryToken[] tokens)
    {
        List<OriginRun> runs = [];
        for (int start = 0, end; start < tokens.Length; start = end)
        {
            for (end = start + 1; end < tokens.Length && tokens[end].Origin == tokens[start].Origin;)
                end++;
            if (tokens[start].Origin is { } origin)
                runs.Add(new OriginRun(start, end, origin.Message, origin.IsContent));
        }

        return runs;
    }
}

/// <summary>Neighbouring tokens of one origin.</summary>
/// <param name="Start">Position of the first one in the sequence.</param>
/// <param name="End">Position past the last one.</param>
/// <param name="Message">The index of the message that says them; null for the template's own and for the list of tools.</param>
/// <param name="IsContent">False for the template's own.</param>
internal sealed record OriginRun(int Start, int End, int? Message, bool IsContent);
