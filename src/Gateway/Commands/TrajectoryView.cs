using System.Globalization;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Shows trajectories for people: every token in the colour of its source, and what was made of it.</summary>
/// <param name="console">Where to.</param>
/// <param name="tokenizer">The trajectories' tokenizer.</param>
/// <param name="format">Their chat format, where tokens are shown by the messages that they come from.</param>
/// <param name="showLogprobs">Whether sampled tokens have a line each.</param>
internal sealed class TrajectoryView(IAnsiConsole console, Tokenizer tokenizer, ChatFormat? format, bool showLogprobs)
{
    private const int MostArgumentCharacters = 200;

    /// <exception cref="CommandException">The trajectory was made with another tokenizer.</exception>
    public void Show(Trajectory trajectory)
    {
        if (trajectory.Model.TokenizerHash != tokenizer.Hash)
        {
            throw CommandException.Usage(
                $"Trajectory '{trajectory.Id}' was made with tokenizer {trajectory.Model.TokenizerHash}, but the model's is {tokenizer.Hash}; name its model with --model.");
        }

        WriteHeader(trajectory);
        IReadOnlyList<TrajectoryToken[]>? tokens = format is null ? null : TrajectoryTokens.Read(trajectory, format);
        for (int i = 0; i < trajectory.Sequences.Count; i++)
            WriteSequence(trajectory.Sequences[i], i, tokens?[i]);
        WriteToolCalls(trajectory);
    }

    private void WriteHeader(Trajectory trajectory)
    {
        console.Write(new Rule(Markup.Escape(trajectory.Id)).LeftJustified());
        console.WriteLine(Text(
            $"task {trajectory.Task.Id} of {trajectory.Task.Environment}, sample {trajectory.SampleIndex}, seed {trajectory.Seed}, model {trajectory.Model.Name}"));
        console.WriteLine(Text(
            $"{StatusText.Of(trajectory.Status)}: {StatusText.Of(trajectory.StopReason)}, reward {trajectory.Reward?.ToString("0.###", CultureInfo.InvariantCulture) ?? "none"}, {trajectory.Turns} turns, {trajectory.SampledTokens} sampled tokens, template {trajectory.Audit.Template}"));
        if (trajectory.Failure is { } failure)
            console.WriteLine($"failed at the {StatusText.Of(failure.Boundary)}: {failure.Message}");
    }

    private void WriteSequence(TrajectorySequence sequence, int index, TrajectoryToken[]? tokens)
    {
        console.WriteLine();
        console.WriteLine(Text($"sequence {index}: {sequence.TokenIds.Length} tokens{(sequence.StartedBecause is { } why ? $", started because of {why}" : "")}"));
        foreach (TokenSegment segment in sequence.Segments)
        {
            Style style = StyleOf(segment.Source);
            console.Write(new Text(Describe(segment) + "\n", style.Decoration(Decoration.Bold)));
            for (int i = segment.Start; i < segment.End; i++)
            {
                if (tokens is not null && (i == segment.Start || tokens[i].Origin != tokens[i - 1].Origin))
                    console.Write(new Text($"{(i == segment.Start ? "" : "\n")}  {Describe(tokens[i].Origin)}: ", style.Decoration(Decoration.Dim)));
                WriteToken(sequence, i, style);
            }

            console.WriteLine();
        }
    }

    private static string Describe(TokenSegment segment)
    {
        string mask = segment.Source == SegmentSource.Sampled ? "mask 1" : "mask 0";
        string version = segment.WeightVersion is { } weights ? Text($", weights {weights}") : "";
        string finish = segment.FinishReason is { } reason ? $", {reason}" : "";
        string calls = segment.CallIds is { Count: > 0 } ids ? $", answers {string.Join(", ", ids)}" : "";
        return Text($"[{segment.Start}, {segment.End}) {StatusText.Of(segment.Source)}, turn {segment.Turn}, {mask}{version}{finish}{calls}");
    }

    private static string Describe(TokenOrigin? origin) => origin switch
    {
        null => "rendered otherwise now",
        { Message: { } message } => Text($"message {message}"),
        { IsContent: true } => "tools",
        _ => "template",
    };

    /// <summary>A token's text, control characters escaped, and a line break where it has one; special tokens stand out.</summary>
    private void WriteToken(TrajectorySequence sequence, int index, Style style)
    {
        int id = sequence.TokenIds[index];
        string text = tokenizer.Describe(id);
        Style tokenStyle = tokenizer.IsSpecial(id) ? style.Decoration(Decoration.Underline) : style;
        if (showLogprobs && sequence.Logprobs[index] is { } logprob)
        {
            console.Write(new Text(Text($"  {index,5} {id,7} {logprob,10:0.0000}  {text}\n"), tokenStyle));
            return;
        }

        console.Write(new Text(text, tokenStyle));
        if (tokenizer.BytesOf(id).EndsWith("\n"u8))
            console.WriteLine();
    }

    private void WriteToolCalls(Trajectory trajectory)
    {
        foreach (TrajectoryToolCall call in trajectory.ToolCalls)
        {
            string arguments = call.Arguments?.GetRawText() ?? "";
            if (arguments.Length > MostArgumentCharacters)
                arguments = arguments[..MostArgumentCharacters] + "…";
            console.WriteLine(Text(
                $"call {call.Id}, turn {call.Turn}, sequence {call.Sequence}, tokens [{call.TokenSpan[0]}, {call.TokenSpan[1]}): {call.Name ?? "?"} {arguments} ({StatusText.Of(call.Parse)}, {call.RunMs:0.0} ms)"));
            if ((call.Error ?? call.Result) is { } answer)
                console.WriteLine($"  {(call.Error is null ? "result" : "error")}: {answer}");
        }
    }

    private static Style StyleOf(SegmentSource source) => new(source switch
    {
        SegmentSource.Prompt => Color.Grey,
        SegmentSource.Sampled => Color.Green,
        SegmentSource.Observation => Color.Aqua,
        _ => Color.Olive,
    });

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
