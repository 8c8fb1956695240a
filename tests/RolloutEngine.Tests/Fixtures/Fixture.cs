using System.Runtime.InteropServices;
using System.Text.Json;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Fixtures;

/// <summary>A tiny checkpoint of this folder with the oracle's results; <c>make_fixtures.py</c> writes them.</summary>
internal sealed record Fixture(string Name)
{
    public static IReadOnlyList<string> Names { get; } = ["llama-f32-sharded", "mistral-f16-odd", "qwen2-bf16-yarn", "qwen3-f32", "qwen3-bf16"];

    public static TheoryData<string> All { get; } = [.. Names];

    public string Folder => SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", Name);

    public int[] Prompt => Expected("prompt");

    /// <summary>The 64 most likely tokens that follow the prompt.</summary>
    public int[] Greedy => Expected("greedy");

    /// <summary>[prompt token][vocabulary]</summary>
    public float[] Logits => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(Folder, "logits.bin"))).ToArray();

    private int[] Expected(string key)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));
        return [.. expected.RootElement.GetProperty(key).EnumerateArray().Select(token => token.GetInt32())];
    }
}
