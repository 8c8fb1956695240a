using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>
/// Tells every token of a trajectory the message that it comes from. The record does not hold that: it follows from the messages by
/// rendering them again, and counts only where that gives the recorded ids (a template that writes today's date gives others tomorrow).
/// </summary>
public sealed class TrajectoryTokens
{
    private readonly Trajectory _trajectory;
    private readonly ChatFormat _format;
    private int _next; // the first message that the tokens read so far do not answer or hold

    private TrajectoryTokens(Trajectory trajectory, ChatFormat format) => (_trajectory, _format) = (trajectory, format);

    /// <summary>The tokens of each sequence.</summary>
    /// <param name="trajectory">The trajectory.</param>
    /// <param name="format">The format that it was made with.</param>
    public static IReadOnlyList<TrajectoryToken[]> Read(Trajectory trajectory, ChatFormat format)
    {
        TrajectoryTokens reader = new(trajectory, format);
        return [.. trajectory.Sequences.Select(reader.Read)];
    }

    private IReadOnlyList<ChatMessage> Messages => _trajectory.Messages;

    private bool IsAtAnswer => _next < Messages.Count && Messages[_next].Role == "assistant";

    private TrajectoryToken[] Read(TrajectorySequence sequence)
    {
        TrajectoryToken[] tokens = new TrajectoryToken[sequence.TokenIds.Length];
        foreach (TokenSegment segment in sequence.Segments)
        {
            for (int i = segment.Start; i < segment.End; i++)
                tokens[i] = new TrajectoryToken(sequence.TokenIds[i], segment.Source, sequence.LossMask[i] == 1, null);
        }

        ReadOnlySpan<int> turn = default;
        for (int from = 0, to; from < sequence.Segments.Count; from = to)
        {
            TokenSegment first = sequence.Segments[from];
            for (to = from + 1; to < sequence.Segments.Count && IsSameRun(first, sequence.Segments[to]);)
                to++;
            Range range = first.Start..sequence.Segments[to - 1].End;
            ReadOnlySpan<int> ids = sequence.TokenIds.AsSpan(range);
            Span<TrajectoryToken> run = tokens.AsSpan(range);
            if (first.Source == SegmentSource.Sampled)
                ReadTurn(turn = ids, run);
            else if (first.Source == SegmentSource.Prompt)
                ReadPrompt(ids, run);
            else
                ReadAnswer(ids, run, _format.EndOf(turn));
            if (first.Source != SegmentSource.Sampled)
                turn = default;
        }

        return tokens;
    }

    /// <summary>The segments of one turn's tokens, or of what follows one turn.</summary>
    private static bool IsSameRun(TokenSegment first, TokenSegment other) =>
        first.Turn == other.Turn && first.Source == SegmentSource.Sampled == (other.Source == SegmentSource.Sampled) && first.Source != SegmentSource.Prompt;

    /// <summary>A prompt holds the messages up to one that the model wrote; an environment may begin with some of those itself.</summary>
    private void ReadPrompt(ReadOnlySpan<int> ids, Span<TrajectoryToken> run)
    {
        int? firstEnd = null;
        for (int end = _next + 1; end <= Messages.Count; end++)
        {
            if (end < Messages.Count && Messages[end].Role != "assistant")
                continue;
            firstEnd ??= end;
            int count = end;
            if (!TryAssign(() => _format.AttributePrompt([.. Messages.Take(count)], _trajectory.Tools), ids, run, firstMessage: 0))
                continue;
            _next = end;
            return;
        }

        _next = firstEnd ?? Messages.Count;
    }

    private void ReadTurn(ReadOnlySpan<int> ids, Span<TrajectoryToken> run)
    {
        // A turn that was cancelled has no message.
        int? message = IsAtAnswer ? _next : null;
        for (int i = 0; i < run.Length; i++)
            run[i] = run[i] with { Origin = new TokenOrigin(true, message) };
        if (_format.EndOf(ids) is not null)
            run[^1] = run[^1] with { Origin = new TokenOrigin(false, null) };
    }

    private void ReadAnswer(ReadOnlySpan<int> ids, Span<TrajectoryToken> run, int? closedBy)
    {
        if (IsAtAnswer)
            _next++;
        ChatMessage[] added = [.. Messages.Skip(_next).TakeWhile(message => message.Role != "assistant")];
        TryAssign(() => _format.AttributeDelta(added, _trajectory.Tools, closedBy), ids, run, _next);
        _next += added.Length;
    }

    private static bool TryAssign(Func<AttributedTokens> render, ReadOnlySpan<int> ids, Span<TrajectoryToken> run, int firstMessage)
    {
        AttributedTokens rendered;
        try
        {
            rendered = render();
        }
        catch (TokenizerException)
        {
            return false;
        }

        if (!ids.SequenceEqual(rendered.Ids))
            return false;
        for (int i = 0; i < run.Length; i++)
            run[i] = run[i] with { Origin = rendered.Origins[i] with { Message = rendered.Origins[i].Message + firstMessage } };
        return true;
    }
}
