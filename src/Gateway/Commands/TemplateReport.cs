using System.Text.Json.Serialization;
using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Commands;

/// <summary>The conformance report of a chat template: what it does to history, and what the server makes of it.</summary>
internal sealed record TemplateReport
{
    public required string Template { get; init; }

    public required string Hash { get; init; }

    public required HistoryReport UserTurn { get; init; }

    public required HistoryReport ToolTurn { get; init; }

    public required HistoryReport UserTurnAfterReasoning { get; init; }

    public required HistoryReport ToolTurnAfterReasoning { get; init; }

    /// <summary>Whether a rendered answer begins with the generation prompt; null where the template refuses.</summary>
    public required bool? PromptOpensAnswer { get; init; }

    public required bool? PromptOpensReasonedAnswer { get; init; }

    /// <summary>What the server makes of the template with the model's tokenizer; null for a template without one.</summary>
    public ChatFormatReport? Format { get; init; }

    /// <summary>Why the server cannot use the template, or null.</summary>
    public string? Refusal { get; init; }

    /// <summary>The report of a model's folder, or of a template's file.</summary>
    /// <exception cref="TokenizerException">The template or the tokenizer cannot be read.</exception>
    public static TemplateReport Of(string path)
    {
        bool isFolder = Directory.Exists(path);
        ChatTemplate template = isFolder ? ChatTemplate.Load(path) : ChatTemplate.Parse(File.ReadAllText(path), path);
        TemplateConformance found = TemplateConformance.Of(template);
        TemplateReport report = new()
        {
            Template = template.Name,
            Hash = template.Hash,
            UserTurn = HistoryReport.Of(found.UserTurn),
            ToolTurn = HistoryReport.Of(found.ToolTurn),
            UserTurnAfterReasoning = HistoryReport.Of(found.UserTurnAfterReasoning),
            ToolTurnAfterReasoning = HistoryReport.Of(found.ToolTurnAfterReasoning),
            PromptOpensAnswer = found.PromptOpensAnswer,
            PromptOpensReasonedAnswer = found.PromptOpensReasonedAnswer,
        };
        if (!isFolder)
            return report;
        Tokenizer tokenizer = Tokenizer.Load(path);
        try
        {
            return report with { Format = ChatFormatReport.Of(ChatFormat.Create(tokenizer, template)) };
        }
        catch (TokenizerException exception)
        {
            return report with { Refusal = exception.Message };
        }
    }
}

/// <summary>What a further message does to the text before it.</summary>
/// <param name="Change"><c>appends</c>, <c>rewrites</c> or <c>refuses</c>.</param>
/// <param name="Why">The first difference, or the template's refusal.</param>
internal sealed record HistoryReport(string Change, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Why)
{
    public static HistoryReport Of(HistoryFinding finding) => new(StatusText.Of(finding.Change), finding.Why);
}

/// <summary>What the server makes of a template.</summary>
internal sealed record ChatFormatReport
{
    /// <summary>The control token that ends an answer; empty where the opening of the next message ends it.</summary>
    public required string EndOfTurn { get; init; }

    /// <summary>What the template puts behind it before the next message.</summary>
    public required string Glue { get; init; }

    /// <summary>All tokens at which the engine stops, as text and id.</summary>
    public required IReadOnlyList<EndToken> EndsOfTurn { get; init; }

    public required string GenerationPrompt { get; init; }

    /// <summary>Whether what a message adds is the same whatever the assistant said before.</summary>
    public required bool DeltaIgnoresContent { get; init; }

    /// <summary>Why tool results cannot be rendered, or null.</summary>
    public required string? ToolRefusal { get; init; }

    /// <summary>The parser of tool calls; null where no parser reads what the template writes.</summary>
    public required string? ToolCallParser { get; init; }

    /// <summary>What the server does by default where the template rewrites earlier turns; a rollout may ask for <c>rerender</c>.</summary>
    public required string History { get; init; }

    public static ChatFormatReport Of(ChatFormat format)
    {
        ChatFormatProbe probe = format.Probe;
        return new ChatFormatReport
        {
            EndOfTurn = probe.EndOfTurn,
            Glue = probe.Glue,
            EndsOfTurn = [.. probe.EndsOfTurn.Zip(format.EndOfTurnIds, (text, id) => new EndToken(text, id))],
            GenerationPrompt = probe.GenerationPrompt,
            DeltaIgnoresContent = probe.DeltaIgnoresContent,
            ToolRefusal = probe.ToolRefusal,
            ToolCallParser = ParserOf(format),
            History = StatusText.Of(default(HistoryPolicy)),
        };
    }

    private static string? ParserOf(ChatFormat format)
    {
        try
        {
            return format.ToolCallParser.Name;
        }
        catch (TokenizerException)
        {
            return null;
        }
    }
}

/// <summary>A token that ends a turn.</summary>
internal sealed record EndToken(string Text, int Id);
