using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.Drift;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Compares the text of a sequence with what the template renders for the conversation.</summary>
internal static class TemplateAudit
{
    private const int ExcerptLength = 40;

    /// <summary>The first difference of a trajectory's sequences from what each of them says.</summary>
    public static (string Kind, TemplateDifference? Difference) Run(
        ChatFormat format, IReadOnlyList<TrajectorySequence> sequences, IReadOnlyList<SequenceText> texts)
    {
        for (int i = 0; i < sequences.Count; i++)
        {
            (string kind, TemplateDifference? difference) = Run(format, sequences[i], texts[i].Messages, texts[i].Tools);
            if (difference is not null)
                return (kind, difference with { Sequence = i });
        }

        return (TrajectoryAudit.Consistent, null);
    }

    /// <summary>
    /// <c>consistent</c> and nothing, or the kind and the place of the first difference between decode(tokens) and template(messages) as its own tokens decode. The
    /// sequence may end before the template's glue that closes a last turn, because nobody sampled or needed it.
    /// </summary>
    public static (string Kind, TemplateDifference? Difference) Run(
        ChatFormat format, TrajectorySequence sequence, IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools)
    {
        if (messages is [])
            return (TrajectoryAudit.Consistent, null);
        bool awaitsAnswer = messages[^1].Role != "assistant";
        string tokens = format.Tokenizer.Decode(sequence.TokenIds);
        string template;
        try
        {
            // What decoding makes of any text, a SentencePiece space or composed characters, is on both sides alike.
            RenderedChat rendered = format.Template.RenderTracked(messages, tools, addGenerationPrompt: awaitsAnswer);
            template = format.Tokenizer.Decode(format.Encode(rendered).Ids);
        }
        catch (TokenizerException exception)
        {
            return ("not_renderable", new TemplateDifference(0, 0, Excerpt(tokens, 0), exception.Message, DriftCause.TemplateRefused));
        }

        int common = tokens.AsSpan().CommonPrefixLength(template);
        bool endsWithin = common == tokens.Length && (common == template.Length || (!awaitsAnswer && IsClosing(format, template[common..])));
        if (endsWithin)
            return (TrajectoryAudit.Consistent, null);
        int position = TokenAt(format, sequence, common);
        DriftCause cause = new DriftAnalysis(format).CauseOfTextDifference(sequence.TokenIds, SampledMask(sequence), template);
        return (Classify(sequence, position), new TemplateDifference(0, position, Excerpt(tokens, common), Excerpt(template, common), cause));
    }

    /// <summary>1 for every sampled token, whatever the mask policy left of the loss mask.</summary>
    private static byte[] SampledMask(TrajectorySequence sequence)
    {
        byte[] mask = new byte[sequence.TokenIds.Length];
        foreach (TokenSegment segment in sequence.Segments.Where(segment => segment.Source == SegmentSource.Sampled))
            mask.AsSpan(segment.Start..segment.End).Fill(1);
        return mask;
    }

    private static bool IsClosing(ChatFormat format, string rest) =>
        format.Probe.EndsOfTurn.Append(format.Probe.EndOfTurn).Any(end => (end + format.Probe.Glue).EndsWith(rest, StringComparison.Ordinal));

    /// <summary>Names a difference by the source of the token at which it begins.</summary>
    private static string Classify(TrajectorySequence sequence, int position) =>
        sequence.Segments.FirstOrDefault(segment => segment.Start <= position && position < segment.End)?.Source switch
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
