using System.Text.Json;
using AgentRollout.Testing;

namespace AgentRollout.Tokenization.Tests;

/// <summary>The tokenizers that tests share, each loaded once.</summary>
internal static class TestTokenizers
{
    private static readonly Lazy<Tokenizer> LazyTiny = new(() => Tokenizer.Load(TinyDirectory));
    private static readonly Dictionary<string, Tokenizer> Loaded = [];
    private static readonly Lock LoadLock = new();

    /// <summary>256 bytes with their values as ids, some merges, and ChatML's control tokens.</summary>
    public static string TinyDirectory => SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer");

    public static Tokenizer Tiny => LazyTiny.Value;

    /// <summary>A real model's tokenizer, from the folder beside the repository.</summary>
    public static Tokenizer Shared(string family)
    {
        string directory = SharedFiles.InShared("tokenizers", family);
        lock (LoadLock)
        {
            if (!Loaded.TryGetValue(family, out Tokenizer? tokenizer))
                Loaded[family] = tokenizer = Tokenizer.Load(directory);
            return tokenizer;
        }
    }

    public static IEnumerable<JsonElement> GoldenRows(string file)
    {
        foreach (string line in File.ReadLines(SharedFiles.InShared("golden", file)))
            yield return JsonElement.Parse(line);
    }
}
