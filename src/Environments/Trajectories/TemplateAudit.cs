using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Compares the text of a sequence with what the template renders for the conversation.</summary>
internal static class TemplateAudit
{
    private const int ExcerptLength = 40;

    /// <summary>
    /// The first place where decode(tokens) and template(messages) part, or null. The sequence may end before the template's glue that
    /// closes a last turn, because nobody sampled or needed it.
    /// </summary>
    public static TemplateDifference? FirstDifference(
        ChatFormat format, TrajectorySequence sequence, IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools)
    {
        if (messages is [])
            return null;
        bool awaitsAnswer = messages[^1].Role != "assistant";
        string tokens = format.Tokenizer.Decode(sequence.TokenIds);
        string template = format.Template.Render(messages, tools, addGenerationPrompt: awaitsAnswer);

        int common = tokens.AsSpan().CommonPrefixLength(template);
        bool endsWithin = common == tokens.Length
            && (common == template.Length || (!awaitsAnswer && (format.Probe.EndOfTurn + format.Probe.Glue).EndsWith(template[common..], StringComparison.Ordinal)));
        return endsWithin
            ? null
            : new TemplateDifference(0, TokenAt(format, sequence, common), Excerpt(tokens, common), Excerpt(template, common));
    }

    /// <summary>Names a difference by the source of the token at which it begins.</summary>
    public static string Classify(TrajectorySequence sequence, TemplateDifference difference) =>
        sequence.Segments.FirstOrDefault(segment => segment.Start <= difference.Position && difference.Position < segment.End)?.Source switch
        {
            SegmentSource.Prompt => "prompt_differs",
            SegmentSource.Sampled => "assistant_text_differs",
            SegmentSource.Observation => "observation_differs",
            SegmentSource.Scaffold => "scaffold_differs",
            _ => "length_differs",
        };

    private static int TokenAt(ChatFormat format, TrajectorySequence sequence, int character)
    {
        // Decoding a prefix is monotonous in its length but for a cut character at its end, so bisection finds the token.
        int low = 0;
        int high = sequence.TokenIds.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (format.Tokenizer.Decode(sequence.TokenIds.AsSpan(0, middle + 1)).Length > character)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }

    private static string Excerpt(string text, int from) => text[from..Math.Min(text.Length, from + ExcerptLength)];
}
