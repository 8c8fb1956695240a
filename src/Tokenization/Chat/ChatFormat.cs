using System.Text.Json;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// A model's chat format: its tokenizer and its template together. Turns the first messages into a prompt, and later ones into the tokens
/// that they add behind a sampled turn, which is never rendered or encoded again. Thread-safe.
/// </summary>
public sealed class ChatFormat
{
    private const int LongestReasoningMarker = 32; // tokens, with blanks behind it

    private readonly TemplateDelta _delta;
    private readonly IToolCallParser? _toolCallParser;
    private readonly HashSet<int> _controlTokens;

    private ChatFormat(Tokenizer tokenizer, ChatTemplate template, ChatFormatOptions options)
    {
        Tokenizer = tokenizer;
        Template = template;
        ContentEncoding = options.ContentEncoding;
        _controlTokens = [.. tokenizer.AddedTokens.Where(token => IsControl(token, template.Source)).Select(token => token.Id)];
        _delta = new TemplateDelta(template, tokenizer, _controlTokens);
        Probe = ChatFormatProber.Probe(template, _delta);
        EndOfTurnIds = [.. Probe.EndsOfTurn.Select(IdOf)];
        _toolCallParser = ChooseParser(options);
    }

    public Tokenizer Tokenizer { get; }

    public ChatTemplate Template { get; }

    /// <summary>What loading found out about the template.</summary>
    public ChatFormatProbe Probe { get; }

    /// <summary>How the text of messages and tools becomes tokens.</summary>
    public ContentEncoding ContentEncoding { get; }

    /// <summary>
    /// The tokens that end an assistant turn, the most usual first: the engine's stop tokens. In formats without an end of their own (GLM)
    /// they are the tokens that open the next message.
    /// </summary>
    public IReadOnlyList<int> EndOfTurnIds { get; }

    /// <summary>The token that usually ends an assistant turn.</summary>
    public int EndOfTurnId => EndOfTurnIds[0];

    /// <summary>Whether a parser reads the tool calls that the template writes.</summary>
    internal bool HasToolCallParser => _toolCallParser is not null;

    /// <summary>Reads the tool calls of a turn, in the form in which the template writes them.</summary>
    /// <exception cref="TokenizerException">The template writes calls in a form that no parser reads.</exception>
    public IToolCallParser ToolCallParser => _toolCallParser ?? throw new TokenizerException(
        $"Chat template '{Template.Name}' writes tool calls in a form that no parser reads; known parsers: {string.Join(", ", ToolCallParsers.Names)}.");

    /// <summary>Whether a prompt ends inside an opened reasoning part, so that the turn behind it begins with reasoning.</summary>
    public bool EndsInReasoning(ReadOnlySpan<int> prompt) =>
        ToolCallDetection.OpensReasoning(Tokenizer.Decode(prompt[Math.Max(0, prompt.Length - LongestReasoningMarker)..]));

    /// <summary>Reads tokenizer and template of a model's directory and probes the template.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="options">What the user chose; null for the defaults.</param>
    /// <exception cref="TokenizerException">Either cannot be used, or what messages add to a conversation cannot be computed.</exception>
    public static ChatFormat Load(string directory, ChatFormatOptions? options = null) =>
        Create(Tokenizer.Load(directory), ChatTemplate.Load(directory), options);

    /// <summary>Joins a tokenizer and a template and probes the template.</summary>
    /// <exception cref="TokenizerException">What messages add to a conversation cannot be computed.</exception>
    public static ChatFormat Create(Tokenizer tokenizer, ChatTemplate template, ChatFormatOptions? options = null) =>
        new(tokenizer, template, options ?? new ChatFormatOptions());

    /// <summary>The tokens of a first prompt, up to and with the opening of the assistant's turn.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public int[] RenderPrompt(IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools)
    {
        return Encode(Template.RenderTracked(messages, tools, addGenerationPrompt: true)).Ids;
    }

    /// <summary>The tokens of a rendering whose content is known (<see cref="ChatTemplate.RenderTracked"/>).</summary>
    public TokenizedText Encode(RenderedChat rendered) => Encode(rendered.Text, rendered.ContentSpans);

    /// <summary>
    /// The tokens that messages add behind an assistant turn, up to and with the opening of the next one. They are encoded in one pass; a
    /// token across the border of two parts belongs to the part in which it begins.
    /// </summary>
    /// <param name="added">Tool results in the order of the calls, or user messages; never an assistant message.</param>
    /// <param name="tools">The tools of the prompt.</param>
    /// <param name="closedBy">
    /// The turn's last sampled token where that is one of <see cref="EndOfTurnIds"/>; null where the turn was cut, so that its end is added
    /// here as scaffold.
    /// </param>
    /// <param name="arguments">Further variables of the template; null for none.</param>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public IReadOnlyList<RenderedSpan> RenderDelta(
        IReadOnlyList<ChatMessage> added,
        IReadOnlyList<FunctionSchema> tools,
        int? closedBy,
        IReadOnlyDictionary<string, JsonElement>? arguments = null)
    {
        if (added.Any(message => message.Role == "assistant"))
            throw new TokenizerException("An assistant message cannot be rendered behind a turn: what a model wrote is sampled, never rendered.");
        return RenderForeign(added, tools, closedBy, arguments);
    }

    /// <summary>
    /// The same where somebody else wrote what comes behind the turn, assistant messages included, which no engine sampled here.
    /// </summary>
    /// <inheritdoc cref="RenderDelta"/>
    public IReadOnlyList<RenderedSpan> RenderForeign(
        IReadOnlyList<ChatMessage> added,
        IReadOnlyList<FunctionSchema> tools,
        int? closedBy,
        IReadOnlyDictionary<string, JsonElement>? arguments = null)
    {
        DeltaText delta = _delta.Render(added, tools, arguments: arguments);
        string turnEnd = TurnEnd(delta);
        TokenizedText tokens = Encode(turnEnd + delta.Messages + delta.GenerationPrompt, Behind(turnEnd, delta.Content));
        int first = FirstAfterSampled(tokens, closedBy);
        int messages = Math.Max(first, CountBefore(tokens.Starts, turnEnd.Length));
        int prompt = Math.Max(messages, CountBefore(tokens.Starts, turnEnd.Length + delta.Messages.Length));
        List<RenderedSpan> spans = [];
        AddSpan(spans, SegmentSource.Scaffold, tokens.Ids.AsSpan(first..messages));
        AddSpan(spans, SegmentSource.Observation, tokens.Ids.AsSpan(messages..prompt));
        AddSpan(spans, SegmentSource.Scaffold, tokens.Ids.AsSpan(prompt..));
        return spans;
    }

    /// <summary>The tokens of a message's text by itself, as the text of messages is encoded.</summary>
    public TokenizedText EncodeContent(string text) => Encode(text, text.Length > 0 ? [new CharSpan(0, text.Length)] : []);

    /// <summary>The tokens of <see cref="RenderPrompt"/> with the message that each comes from, for which every message is rendered once more.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public AttributedTokens AttributePrompt(IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools)
    {
        RenderedChat rendered = Template.RenderTracked(messages, tools, addGenerationPrompt: true);
        return AttributedTokens.Of(
            Encode(rendered),
            rendered.ContentSpans,
            index => Template.RenderTrackingOnly(messages, tools, addGenerationPrompt: true, index).ContentSpans,
            messages.Count);
    }

    /// <summary>
    /// The tokens of <see cref="RenderDelta"/> in a row, with the one of the added messages that each comes from, for which every one of
    /// them is rendered once more.
    /// </summary>
    /// <param name="added">Tool results in the order of the calls, or user messages.</param>
    /// <param name="tools">The tools of the prompt.</param>
    /// <param name="closedBy">The end token that was sampled, or null.</param>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public AttributedTokens AttributeDelta(IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools, int? closedBy)
    {
        DeltaText delta = _delta.Render(added, tools);
        string turnEnd = TurnEnd(delta);
        CharSpan[] content = Behind(turnEnd, delta.Content);
        TokenizedText tokens = Encode(turnEnd + delta.Messages + delta.GenerationPrompt, content);
        return AttributedTokens
            .Of(tokens, content, index => Behind(turnEnd, _delta.Render(added, tools, onlyMessage: index).Content), added.Count)
            .From(FirstAfterSampled(tokens, closedBy));
    }

    /// <summary>Whether the template renders a conversation otherwise once these messages follow it.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public bool RewritesHistory(
        IReadOnlyList<ChatMessage> conversation, IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools) =>
        !Template.Render([.. conversation, .. added], tools, addGenerationPrompt: false)
            .StartsWith(Template.Render(conversation, tools, addGenerationPrompt: false), StringComparison.Ordinal);

    /// <summary>The end token that a sampled turn ends with, or null where it was cut before one.</summary>
    public int? EndOf(ReadOnlySpan<int> turn) => turn is [.., int last] && EndOfTurnIds.Contains(last) ? last : null;

    private TokenizedText Encode(string text, IReadOnlyList<CharSpan> content) => ContentEncoding == ContentEncoding.AsTransformers
        ? Tokenizer.EncodeWithStarts(text)
        : Tokenizer.EncodeWithStarts(text, content, _controlTokens);

    /// <summary>
    /// What message text must not spell: special tokens, those that the template writes (Qwen3's <c>&lt;tool_call&gt;</c> is not special), and
    /// whatever looks like one of them. Gemma's added tokens for runs of line breaks and HTML are text like any other.
    /// </summary>
    private static bool IsControl(AddedToken token, string template) =>
        token.Special
        || token.Content.AsSpan().ContainsAny('|', '\uFF5C')
        || (!string.IsNullOrWhiteSpace(token.Content) && template.Contains(token.Content, StringComparison.Ordinal));

    /// <summary>
    /// How the turn before the messages ends, and the glue. Calls may have an end of their own (gpt-oss: <c>&lt;|call|&gt;</c>); where a
    /// template forgets it (DeepSeek after one call), it is that of an answer.
    /// </summary>
    private string TurnEnd(DeltaText delta)
    {
        int end = Probe.EndsOfTurn.Append(Probe.EndOfTurn).Where(token => token.Length > 0).Max(token => delta.Tail.LastIndexOf(token, StringComparison.Ordinal));
        return Probe.EndOfTurn.Length > 0 && end >= 0 ? delta.Tail[end..] : Probe.EndOfTurn + Probe.Glue;
    }

    private static CharSpan[] Behind(string text, IReadOnlyList<CharSpan> spans) =>
        [.. spans.Select(span => new CharSpan(span.Start + text.Length, span.End + text.Length))];

    /// <summary>
    /// The first token of a delta that was not sampled. The end of a turn is a control token, so that nothing before or behind it can join
    /// it. Where a format has none, what opens the next message may have been sampled already.
    /// </summary>
    private int FirstAfterSampled(TokenizedText tokens, int? closedBy) =>
        closedBy is { } id && (Probe.EndOfTurn.Length > 0 || tokens.Ids is [var opener, ..] && opener == id) ? 1 : 0;

    private int IdOf(string token) => Tokenizer.TryGetId(token, out int id)
        ? id
        : throw new TokenizerException($"Chat template '{Template.Name}' ends turns with '{token}', which is no token.");

    private static int CountBefore(int[] starts, int position)
    {
        int count = 0;
        while (count < starts.Length && starts[count] < position)
            count++;
        return count;
    }

    private static void AddSpan(List<RenderedSpan> spans, SegmentSource source, ReadOnlySpan<int> tokens)
    {
        if (!tokens.IsEmpty)
            spans.Add(new RenderedSpan(source, tokens.ToArray()));
    }

    /// <summary>The named parser, else the one that reads back what the template writes.</summary>
    private IToolCallParser? ChooseParser(ChatFormatOptions options)
    {
        HashSet<int> ends = [.. EndOfTurnIds];
        if (Tokenizer.EosToken is { } eos && Tokenizer.TryGetId(eos, out int eosId))
            ends.Add(eosId);
        return ToolCallDetection.Choose(options, Tokenizer, Template, ends, Probe);
    }
}
