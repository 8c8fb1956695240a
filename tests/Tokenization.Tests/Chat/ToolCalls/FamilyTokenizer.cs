using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

/// <summary>The tiny byte-level tokenizer with further added tokens: a stand-in for families whose own tokenizer is not at hand.</summary>
internal static class FamilyTokenizer
{
    public static Tokenizer With(params IEnumerable<string> markers)
    {
        JsonNode file = JsonNode.Parse(File.ReadAllText(Path.Combine(TestTokenizers.TinyDirectory, "tokenizer.json")))!;
        JsonArray added = file["added_tokens"]!.AsArray();
        HashSet<string> known = [.. added.Select(token => (string)token!["content"]!)];
        int next = TestTokenizers.Tiny.VocabularySize;
        foreach (string marker in markers.Where(known.Add))
        {
            added.Add(new JsonObject
            {
                ["id"] = next++,
                ["content"] = marker,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            });
        }

        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString(new JsonSerializerOptions(JsonSerializerDefaults.Web)));
            return Tokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
