using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.RolloutEngine.Weights;
using AgentRollout.Tokenization.Chat;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Shows models and chat templates for people: one name and value a line.</summary>
internal static class ModelView
{
    public static async Task ShowAsync(IAnsiConsole console, string folder)
    {
        if (PooledEngine.IsPooled(folder))
        {
            await ShowPooledAsync(console, folder);
            return;
        }

        ModelConfig config = ModelConfig.Load(folder);
        await using LocalEngine engine = LocalEngine.Load(folder, new EngineOptions(), NullLoggerFactory.Instance);
        Show(
            console,
            ("model", config.Name),
            ("architecture", config.Architecture.ToString()),
            ("parameters", Number(engine.ParameterCount)),
            ("layers", Number(config.LayerCount)),
            ("hidden size", Number(config.HiddenSize)),
            ("feed-forward size", Number(config.FeedForwardSize)),
            ("heads", $"{config.HeadCount} for queries, {config.KvHeadCount} for keys and values, {config.HeadDim} wide"),
            ("normalised queries and keys", Answer(config.QkNorm)),
            ("vocabulary", Number(config.VocabularySize) + (config.TiedEmbeddings ? ", output layer tied to it" : "")),
            ("context", $"{Number(config.ContextLength)} tokens"),
            ("rotary embedding", config.Rope.Type),
            ("stop tokens", string.Join(", ", config.StopTokenIds)),
            ("weights in memory", $"{Number(engine.WeightBytes)} bytes"),
            ("compute path", engine.ComputePath));
    }

    private static async Task ShowPooledAsync(IAnsiConsole console, string folder)
    {
        await using PooledEngine engine = PooledEngine.Load(folder, new EngineOptions(), NullLoggerFactory.Instance);
        PooledModel model = engine.Model;
        Show(
            console,
            ("model", model.Name),
            ("architecture", model.Architecture),
            ("gives", model.Labels.Count > 0 ? $"scores: {string.Join(", ", model.Labels)}" : $"embeddings of {model.HiddenSize} numbers{(model.Normalize ? ", of length 1" : "")}"),
            ("pooling", model.Pooling switch { PoolingKind.Mean => "mean", PoolingKind.LastToken => "last token", _ => "first token" }),
            ("vocabulary", Number(model.VocabularySize)),
            ("context", $"{Number(model.ContextLength)} tokens"),
            ("compute path", engine.ComputePath));
    }

    public static void ShowTemplate(IAnsiConsole console, string folder)
    {
        ChatFormat format = ChatFormat.Load(folder);
        ChatFormatProbe probe = format.Probe;
        Show(
            console,
            ("template", format.Template.Name),
            ("hash", format.Template.Hash),
            ("ends of a turn", string.Join(", ", probe.EndsOfTurn.Zip(format.EndOfTurnIds, (end, id) => $"{Quote(end)} (id {id})"))),
            ("glue behind it", Quote(probe.Glue)),
            ("generation prompt", Quote(probe.GenerationPrompt)),
            ("opens a rendered answer too", Answer(probe.GenerationPromptOpensAnswer)),
            ("user messages append", Answer(probe.AppendsUserMessages)),
            ("tool results append", probe.ToolRefusal is { } refusal ? $"no: {refusal}" : Answer(probe.AppendsToolResults)),
            ("earlier reasoning is kept", Answer(probe.KeepsReasoning)),
            ("deltas ignore what was said", Answer(probe.DeltaIgnoresContent)),
            ("tool calls", ToolCallFormat(format)),
            ("rewritten turns", probe.Policy));
    }

    private static void Show(IAnsiConsole console, params IReadOnlyList<(string Name, string Value)> rows)
    {
        Grid grid = new Grid().AddColumn().AddColumn();
        foreach ((string name, string value) in rows)
            grid.AddRow(new Text(name), new Text(value));
        console.Write(grid);
    }

    private static string ToolCallFormat(ChatFormat format)
    {
        try
        {
            return format.ToolCallParser.Name;
        }
        catch (Tokenization.TokenizerException exception)
        {
            return exception.Message;
        }
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Answer(bool isSo) => isSo ? "yes" : "no";

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
