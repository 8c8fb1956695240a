using System.Globalization;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>Shows models for people: one name and value a line.</summary>
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

    private static void Show(IAnsiConsole console, params IReadOnlyList<(string Name, string Value)> rows)
    {
        Grid grid = new Grid().AddColumn().AddColumn();
        foreach ((string name, string value) in rows)
            grid.AddRow(new Text(name), new Text(value));
        console.Write(grid);
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Answer(bool isSo) => isSo ? "yes" : "no";
}
