using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.Chat.Jinja;
using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat;

/// <summary>
/// A model's chat template: messages and tools to text. Renders what Jinja2 renders, set up as Hugging Face's transformers does
/// (<c>trim_blocks</c>, <c>lstrip_blocks</c>, its <c>tojson</c>, <c>{% generation %}</c>). Thread-safe.
/// </summary>
public sealed class ChatTemplate
{
    /// <summary>transformers' name of the template that is taken where tools are given.</summary>
    private const string ToolUseTemplate = "tool_use";

    private static readonly Dictionary<string, JsonElement> _noKwargs = [];

    private readonly JinjaTemplate _template;
    private readonly JinjaTemplate _toolUseTemplate;
    private readonly IReadOnlyDictionary<string, string> _specialTokens;
    private readonly TimeProvider _clock;
    private readonly Lazy<CallSpelling> _callSpelling;

    private ChatTemplate(
        string name, string source, string? toolUseSource, IReadOnlyDictionary<string, string> specialTokens, TimeProvider clock)
    {
        Name = name;
        Source = source;
        Hash = ModelFiles.Hash(Encoding.UTF8.GetBytes(toolUseSource is null ? source : source + '\0' + toolUseSource));
        _template = Guarded(() => JinjaTemplate.Parse(source));
        _toolUseTemplate = toolUseSource is null ? _template : Guarded(() => JinjaTemplate.Parse(toolUseSource));
        _specialTokens = specialTokens;
        _clock = clock;
        _callSpelling = new Lazy<CallSpelling>(ProbeCalls);
    }

    private ChatTemplate(ChatTemplate original, IReadOnlyDictionary<string, string> specialTokens, TimeProvider clock)
    {
        (Name, Source, Hash) = (original.Name, original.Source, original.Hash);
        (_template, _toolUseTemplate) = (original._template, original._toolUseTemplate);
        (_specialTokens, _clock) = (specialTokens, clock);
        _callSpelling = new Lazy<CallSpelling>(ProbeCalls);
    }

    /// <summary>Where the template comes from, for messages.</summary>
    public string Name { get; }

    /// <summary>The template's text; where a model has another one for tools, the one without.</summary>
    public string Source { get; }

    /// <summary><c>sha256:</c> and the digest of the template's text.</summary>
    public string Hash { get; }

    /// <summary>How the template takes tool calls, found out by rendering some. Messages are rendered so; <see cref="RenderJson"/> renders JSON as it stands.</summary>
    public CallSpelling CallSpelling => _callSpelling.Value;

    /// <summary>
    /// Reads <c>chat_template.jinja</c> of a model's directory, or else the template in its <c>tokenizer_config.json</c>.
    /// </summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="clock">What <c>strftime_now</c> tells; the system's clock by default.</param>
    /// <exception cref="TokenizerException">There is no template, or it uses what is not supported.</exception>
    public static ChatTemplate Load(string directory, TimeProvider? clock = null)
    {
        TokenizerConfig config = TokenizerConfig.Read(directory);
        string path = Path.Combine(directory, "chat_template.jinja");
        if (File.Exists(path))
            return Parse(Encoding.UTF8.GetString(ModelFiles.ReadAllBytes(path)), path, SpecialTokens(config), clock);

        string configPath = Path.Combine(directory, TokenizerConfig.FileName);
        if (!config.ChatTemplates.TryGetValue(TokenizerConfig.DefaultTemplate, out string? source))
        {
            string known = config.ChatTemplates.Count == 0 ? "none" : string.Join(", ", config.ChatTemplates.Keys);
            throw new TokenizerException($"'{directory}' has no chat_template.jinja and no chat template 'default' in {TokenizerConfig.FileName}; found there: {known}.");
        }

        config.ChatTemplates.TryGetValue(ToolUseTemplate, out string? toolUse);
        return new ChatTemplate(configPath, source, toolUse, SpecialTokens(config), clock ?? TimeProvider.System);
    }

    /// <summary>What templates of the model in a directory see as <c>bos_token</c>, <c>eos_token</c> and <c>pad_token</c>.</summary>
    /// <exception cref="TokenizerException">The directory's <c>tokenizer_config.json</c> cannot be read.</exception>
    public static IReadOnlyDictionary<string, string> SpecialTokensOf(string directory) => SpecialTokens(TokenizerConfig.Read(directory));

    /// <summary>A template from its text.</summary>
    /// <param name="source">The text.</param>
    /// <param name="name">Where it comes from, for messages.</param>
    /// <param name="specialTokens">What it sees as <c>bos_token</c>, <c>eos_token</c> and so on.</param>
    /// <param name="clock">What <c>strftime_now</c> tells; the system's clock by default.</param>
    /// <exception cref="TokenizerException">The text is no template, or uses what is not supported; names template, line and feature.</exception>
    public static ChatTemplate Parse(
        string source, string name, IReadOnlyDictionary<string, string>? specialTokens = null, TimeProvider? clock = null) =>
        new(name, source, null, specialTokens ?? new Dictionary<string, string>(), clock ?? TimeProvider.System);

    /// <summary>The same template with other special tokens or another clock; what is null stays.</summary>
    /// <param name="specialTokens">Values of <c>bos_token</c>, <c>eos_token</c> and so on, which go before those it has.</param>
    /// <param name="clock">What <c>strftime_now</c> tells.</param>
    public ChatTemplate With(IReadOnlyDictionary<string, string>? specialTokens = null, TimeProvider? clock = null)
    {
        Dictionary<string, string> tokens = new(_specialTokens, StringComparer.Ordinal);
        foreach ((string name, string token) in specialTokens ?? new Dictionary<string, string>())
            tokens[name] = token;
        return new ChatTemplate(this, tokens, clock ?? _clock);
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="tools">The tools; none where it is empty.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the opening of an assistant turn.</param>
    /// <param name="kwargs">Further variables, for example <c>enable_thinking</c>.</param>
    /// <exception cref="TokenizerException">The template failed or refused the conversation; names template, line and cause.</exception>
    public string Render(
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyList<FunctionSchema> tools,
        bool addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? kwargs = null) =>
        Render(messages, tools, addGenerationPrompt, kwargs, tracksContent: false).Text;

    /// <summary>
    /// Renders a conversation and tells what of the text comes from it: <see cref="RenderedChat.ContentSpans"/> is filled. A role that is
    /// a plain word counts as the template's, because templates make control tokens of it.
    /// </summary>
    /// <param name="messages">The messages.</param>
    /// <param name="tools">The tools; none where it is empty.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the opening of an assistant turn.</param>
    /// <param name="kwargs">Further variables, for example <c>enable_thinking</c>.</param>
    /// <exception cref="TokenizerException">The template failed or refused the conversation; names template, line and cause.</exception>
    public RenderedChat RenderTracked(
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyList<FunctionSchema> tools,
        bool addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? kwargs = null) =>
        Render(messages, tools, addGenerationPrompt, kwargs, tracksContent: true);

    /// <summary>As <see cref="RenderTracked"/> with the content of one message only: the strings of the others count as the template's. Null for all, -1 for none.</summary>
    internal RenderedChat RenderTrackingOnly(
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyList<FunctionSchema> tools,
        bool addGenerationPrompt,
        int? message,
        IReadOnlyDictionary<string, JsonElement>? kwargs = null) =>
        Render(messages, tools, addGenerationPrompt, kwargs, tracksContent: true, message);

    /// <summary>Renders messages and tools as they stand in JSON, member by member, with the parts that the template marks as generated.</summary>
    /// <param name="messages">An array of messages.</param>
    /// <param name="tools">An array of tools, or null for none.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the opening of an assistant turn; the template finds it undefined where it is null.</param>
    /// <param name="kwargs">Further variables, for example <c>enable_thinking</c>.</param>
    /// <param name="tracksContent">Whether <see cref="RenderedChat.ContentSpans"/> is filled, as by <see cref="RenderTracked"/>.</param>
    /// <exception cref="TokenizerException">The template failed or refused the conversation; names template, line and cause.</exception>
    public RenderedChat RenderJson(
        JsonElement messages,
        JsonElement? tools,
        bool? addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? kwargs = null,
        bool tracksContent = false) =>
        Guarded(() => RenderValues(
            ChatValues.WithPlainRoles(JinjaJson.FromJson(messages, tracksContent)),
            tools is { } json ? JinjaJson.FromJson(json, tracksContent) : null,
            addGenerationPrompt,
            kwargs,
            tracksContent));

    private RenderedChat Render(
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyList<FunctionSchema> tools,
        bool addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? kwargs,
        bool tracksContent,
        int? onlyMessage = null)
    {
        bool hasCalls = messages.Any(message => message.ToolCalls is { Count: > 0 } || message.ToolCallId is not null);
        return Render(messages, tools, addGenerationPrompt, kwargs, tracksContent, hasCalls ? CallSpelling : CallSpelling.Standard, onlyMessage);
    }

    private RenderedChat Render(
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyList<FunctionSchema> tools,
        bool addGenerationPrompt,
        IReadOnlyDictionary<string, JsonElement>? kwargs,
        bool tracksContent,
        CallSpelling calls,
        int? onlyMessage = null)
    {
        ChatValues values = new(tracksContent, calls, onlyMessage);
        return Guarded(() => RenderValues(values.FromMessages(messages), values.FromTools(tools), addGenerationPrompt, kwargs, tracksContent));
    }

    private CallSpelling ProbeCalls() => CallSpellingProber.Probe((messages, tools, calls) =>
        Render(messages, tools, addGenerationPrompt: false, kwargs: null, tracksContent: false, calls).Text);

    private RenderedChat RenderValues(
        object? messages, object? tools, bool? addGenerationPrompt, IReadOnlyDictionary<string, JsonElement>? kwargs, bool tracksContent)
    {
        Dictionary<string, object?> variables = new(StringComparer.Ordinal);
        foreach ((string name, string token) in _specialTokens)
            variables[name] = new PythonString(token);
        variables["messages"] = messages;
        variables["tools"] = tools;
        variables["documents"] = null;
        if (addGenerationPrompt is { } flag)
            variables["add_generation_prompt"] = Boxed.From(flag);
        foreach ((string name, JsonElement value) in kwargs ?? _noKwargs)
            variables[name] = JinjaJson.FromJson(value, tracksContent);
        RenderedChat chat = (tools is null ? _template : _toolUseTemplate).Render(variables, _clock);
        return tracksContent ? chat : chat with { ContentSpans = [] };
    }

    private T Guarded<T>(Func<T> action)
    {
        try
        {
            return JinjaLimits.OnBoundedStack(action);
        }
        catch (JinjaException exception)
        {
            string place = exception.Line > 0 ? $", line {exception.Line}" : "";
            throw new TokenizerException($"Chat template '{Name}'{place}: {exception.Kind}: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is OutOfMemoryException or InvalidOperationException or OverflowException)
        {
            throw new TokenizerException($"Chat template '{Name}' failed: {exception.Message}", exception);
        }
    }

    private static Dictionary<string, string> SpecialTokens(TokenizerConfig config)
    {
        Dictionary<string, string> tokens = new(StringComparer.Ordinal);
        foreach ((string name, string? token) in new[]
        {
            ("bos_token", config.BosToken), ("eos_token", config.EosToken), ("pad_token", config.PadToken),
        })
        {
            if (token is not null)
                tokens[name] = token;
        }

        return tokens;
    }
}
