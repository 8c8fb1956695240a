using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Capture;

/// <summary>
/// Finds the tokens of a call. What is recorded is never encoded again: where the call goes on with a conversation, only what is new is rendered
/// behind its tokens; where it leaves one, a new sequence begins with the tokens of the part that is the same.
/// </summary>
internal sealed class PromptPlanner(ChatFormat format)
{
    /// <summary>The plan of a call.</summary>
    /// <exception cref="TokenizerException">The template refuses the conversation.</exception>
    public PlannedPrompt Plan(IReadOnlyList<CapturedSequence> sequences, CapturedCall call)
    {
        Candidate[] candidates = [.. sequences.Select(sequence => new Candidate(sequence, ConversationMatch.Of(sequence.Messages, call.Messages), call))];
        Candidate? nearest = candidates.MaxBy(candidate => (candidate.Match.Count, candidate.HasSettings, candidate.Sequence.Index));
        Candidate? best = candidates
            .Where(candidate => candidate.Point is not null)
            .MaxBy(candidate => (candidate.Point!.Value.Messages, candidate.Continues, -candidate.Heals.Count, candidate.Sequence.Index));
        if (best is null)
            return Fresh(call, nearest is null ? null : ReasonOf(nearest, call), nearest);
        try
        {
            return Behind(best, call);
        }
        catch (TokenizerException)
        {
            return Fresh(call, ForkReason.TemplateRefused, best);
        }
    }

    private PlannedPrompt Behind(Candidate candidate, CapturedCall call)
    {
        SequencePoint point = candidate.Point!.Value;
        ChatMessage[] added = [.. candidate.Match.Messages.Skip(point.Messages)];
        IReadOnlyList<RenderedSpan> spans = point.AwaitsAnswer ? []
            : candidate.AddsAnswers ? format.RenderForeign(added, call.Tools, point.ClosedBy, call.TemplateArguments)
            : format.RenderDelta(added, call.Tools, point.ClosedBy, call.TemplateArguments);
        return new PlannedPrompt(candidate.Sequence, point, candidate.Continues ? null : ReasonOf(candidate, call), candidate.Heals, added, spans);
    }

    /// <summary>The whole conversation rendered; ids of its calls become those of the trajectory where they are the same.</summary>
    private PlannedPrompt Fresh(CapturedCall call, ForkReason? reason, Candidate? nearest)
    {
        IReadOnlyList<ChatMessage> messages = nearest?.Match.Messages ?? ConversationMatch.Of([], call.Messages).Messages;
        int[] tokens = format.Encode(format.Template.RenderTracked(messages, call.Tools, addGenerationPrompt: true, call.TemplateArguments)).Ids;
        return new PlannedPrompt(Base: null, Point: null, reason, [], messages, [new RenderedSpan(SegmentSource.Prompt, tokens)]);
    }

    private static ForkReason ReasonOf(Candidate candidate, CapturedCall call)
    {
        (CapturedSequence sequence, int same) = (candidate.Sequence, candidate.Match.Count);
        if (!candidate.Match.SharesConversation)
            return ForkReason.NewConversation;
        if (!candidate.HasSettings)
            return sequence.HasToolsOf(call) ? ForkReason.TemplateArgumentsChanged : ForkReason.ToolsChanged;
        if (same == call.Messages.Count)
            return sequence.IsBusy && sequence.Messages.Count == same ? ForkReason.Parallel : ForkReason.AskedAgain;
        bool addsAnswers = call.Messages.Skip(same).Any(message => message.Role == "assistant");
        if (same == sequence.Messages.Count)
            return addsAnswers ? ForkReason.AnswerInserted : ForkReason.Branched;
        (ChatMessage recorded, ChatMessage sent) = (sequence.Messages[same], candidate.Match.Messages[same]);
        if (recorded.Role == "assistant")
            return sent.Role == "assistant" ? ForkReason.AnswerEdited : ForkReason.MessagesDropped;
        if (sequence.Messages.Skip(same + 1).Any(later => later.Role == sent.Role && later.Content == sent.Content))
            return ForkReason.MessagesDropped;
        return !addsAnswers && same > 0 && sequence.Messages[same - 1].Role == "assistant" ? ForkReason.Branched : ForkReason.MessageEdited;
    }

    /// <summary>A sequence, and how far a call is its conversation.</summary>
    private sealed class Candidate
    {
        public Candidate(CapturedSequence sequence, ConversationMatch match, CapturedCall call)
        {
            (Sequence, Match, HasSettings) = (sequence, match, sequence.HasSettingsOf(call));
            int sent = call.Messages.Count;
            foreach (SequencePoint point in sequence.Points)
            {
                bool isUsable = HasSettings && point.Messages <= match.Count && (point.AwaitsAnswer ? sent == point.Messages : sent > point.Messages);
                Point = isUsable ? point : Point;
            }

            AddsAnswers = Point is { } from && call.Messages.Skip(from.Messages).Any(message => message.Role == "assistant");
            Continues = Point is { } last && last == sequence.Points[^1] && !sequence.IsBusy && !AddsAnswers;
            Heals = Point is { } kept ? match.HealsBefore(kept.Messages) : [];
        }

        public CapturedSequence Sequence { get; }

        public ConversationMatch Match { get; }

        public bool HasSettings { get; }

        /// <summary>The last place up to which the call says the same; null where there is none.</summary>
        public SequencePoint? Point { get; }

        /// <summary>Whether the call goes on with the sequence itself.</summary>
        public bool Continues { get; }

        /// <summary>Whether answers stand behind that place which nobody sampled here.</summary>
        public bool AddsAnswers { get; }

        public IReadOnlyList<HealReason> Heals { get; }
    }
}

/// <summary>How a call becomes tokens.</summary>
/// <param name="Base">The sequence that it goes on, or whose beginning it shares; null for none.</param>
/// <param name="Point">Up to where.</param>
/// <param name="Because">Why it begins another sequence; null where it goes on, and for the first.</param>
/// <param name="Heals">In what it differs without another token.</param>
/// <param name="Messages">What is new.</param>
/// <param name="Spans">Its tokens.</param>
internal sealed record PlannedPrompt(
    CapturedSequence? Base,
    SequencePoint? Point,
    ForkReason? Because,
    IReadOnlyList<HealReason> Heals,
    IReadOnlyList<ChatMessage> Messages,
    IReadOnlyList<RenderedSpan> Spans)
{
    /// <summary>Whether it goes on with <see cref="Base"/> itself.</summary>
    public bool Continues => Base is not null && Because is null;

    /// <summary>All tokens that the engine continues.</summary>
    public int[] Prompt => [.. Base is null ? default : Base.Tokens.Tokens[..Point!.Value.Tokens], .. Spans.SelectMany(span => span.Tokens)];

    /// <summary>The same for the journal.</summary>
    /// <param name="sequences">How many there are.</param>
    /// <param name="lastTurn">The last turn that was prompted.</param>
    /// <param name="call">What was asked.</param>
    /// <param name="known">The ids of all calls of the trajectory.</param>
    public PromptedCall ToCall(int sequences, int lastTurn, CapturedCall call, IReadOnlySet<string> known) => new()
    {
        // A turn that was lost before its first token is sampled again.
        Turn = Continues && Point!.Value.AwaitsAnswer ? Point.Value.Turn : lastTurn + 1,
        Sequence = Continues ? Base!.Index : sequences,
        Origin = Continues ? null : new SequenceOrigin
        {
            StartedBecause = Because is { } reason ? DriftReasonName.Of(reason) : null,
            Parent = Base?.Index,
            KeptMessages = Point?.Messages ?? 0,
            KeptTokens = Point?.Tokens ?? 0,
            Tools = call.Tools,
            TemplateArguments = call.TemplateArguments,
        },
        Heals = Heals,
        Messages = Messages,
        AnsweredCallIds = [.. Messages.Where(message => message.Role == "tool").Select(message => message.ToolCallId).OfType<string>().Where(known.Contains)],
    };
}
