using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// A model's chat format: its tokenizer and its template together. Turns the first messages into a prompt, and later ones into the tokens
/// that they add behind a sampled turn, which is never rendered or encoded again. Thread-safe.
/// </summary>
public sealed class ChatFormat
{
    private readonly TemplateDelta _delta;
    private readonly IToolCallParser? _toolCallParser;

    private ChatFormat(Tokenizer tokenizer, ChatTemplate template, string? toolCallParser)
    {
        Tokenizer = tokenizer;
        Template = template;
        _delta = new TemplateDelta(template);
        Probe = ChatFormatProber.Probe(tokenizer, template, _delta);
        tokenizer.TryGetId(Probe.EndOfTurn, out int endOfTurn);
        EndOfTurnId = endOfTurn;
        _toolCallParser = ChooseParser(toolCallParser);
    }

    public Tokenizer Tokenizer { get; }

    public ChatTemplate Template { get; }

    /// <summary>What loading found out about the template.</summary>
    public ChatFormatProbe Probe { get; }

    /// <summary>The token that ends an assistant turn: the engine's stop token.</summary>
    public int EndOfTurnId { get; }

    /// <summary>Reads the tool calls of a turn, in the form in which the template writes them.</summary>
    /// <exception cref="TokenizerException">The template writes calls in a form that no parser reads.</exception>
    public IToolCallParser ToolCallParser => _toolCallParser ?? throw new TokenizerException(
        $"Chat template '{Template.Name}' writes tool calls in a form that no parser reads; known parsers: {string.Join(", ", ToolCallParsers.Names)}.");

    /// <summary>Reads tokenizer and template of a model's directory and probes the template.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="toolCallParser">One of <see cref="ToolCallParsers.Names"/>; null for the one that reads what the template writes.</param>
    /// <exception cref="TokenizerException">Either cannot be used, or what messages add to a conversation cannot be computed.</exception>
    public static ChatFormat Load(string directory, string? toolCallParser = null) =>
        Create(Tokenizer.Load(directory), ChatTemplate.Load(directory), toolCallParser);

    /// <summary>Joins a tokenizer and a template and probes the template.</summary>
    /// <exception cref="TokenizerException">What messages add to a conversation cannot be computed.</exception>
    public static ChatFormat Create(Tokenizer tokenizer, ChatTemplate template, string? toolCallParser = null) =>
        new(tokenizer, template, toolCallParser);

    /// <summary>The tokens of a first prompt, up to and with the opening of the assistant's turn.</summary>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public int[] RenderPrompt(IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools) =>
        Tokenizer.Encode(Template.Render(messages, tools, addGenerationPrompt: true));

    /// <summary>
    /// The tokens that messages add behind an assistant turn, up to and with the opening of the next one. They are encoded in one pass; a
    /// token across the border of two parts belongs to the part in which it begins.
    /// </summary>
    /// <param name="added">Tool results in the order of the calls, or user messages; never an assistant message.</param>
    /// <param name="tools">The tools of the prompt.</param>
    /// <param name="turnIsClosed">Whether the turn's last sampled token is <see cref="EndOfTurnId"/>; else it is added here as scaffold.</param>
    /// <exception cref="TokenizerException">The template refuses the messages.</exception>
    public IReadOnlyList<RenderedSpan> RenderDelta(
        IReadOnlyList<ChatMessage> added, IReadOnlyList<FunctionSchema> tools, bool turnIsClosed)
    {
        if (added.Any(message => message.Role == "assistant"))
            throw new TokenizerException("An assistant message cannot be rendered behind a turn: what a model wrote is sampled, never rendered.");
        DeltaText delta = _delta.Render(added, tools);
        string turnEnd = Probe.EndOfTurn + Probe.Glue;
        if (!delta.Tail.EndsWith(turnEnd, StringComparison.Ordinal))
            throw new TokenizerException($"Chat template '{Template.Name}' ends this turn with '{delta.Tail}' instead of '{turnEnd}'.");
        int promptStart = turnEnd.Length + delta.Messages.Length;
        TokenizedText tokens = Tokenizer.EncodeWithStarts(turnEnd + delta.Messages + delta.GenerationPrompt);

        // The end-of-turn token is an added token, so that nothing before or behind it can join it.
        int first = turnIsClosed ? 1 : 0;
        int messages = CountBefore(tokens.Starts, turnEnd.Length);
        int prompt = CountBefore(tokens.Starts, promptStart);
        List<RenderedSpan> spans = [];
        AddSpan(spans, SegmentSource.Scaffold, tokens.Ids.AsSpan(first..messages));
        AddSpan(spans, SegmentSource.Observation, tokens.Ids.AsSpan(messages..prompt));
        AddSpan(spans, SegmentSource.Scaffold, tokens.Ids.AsSpan(prompt..));
        return spans;
    }

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
    private IToolCallParser? ChooseParser(string? name)
    {
        HashSet<int> ends = [EndOfTurnId];
        if (Tokenizer.EosToken is { } eos && Tokenizer.TryGetId(eos, out int eosId))
            ends.Add(eosId);
        return ToolCallDetection.Choose(name, Tokenizer, Template, ends, Probe);
    }
}
