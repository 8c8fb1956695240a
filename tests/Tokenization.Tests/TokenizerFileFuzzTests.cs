using System.Text;
using System.Text.Json.Nodes;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Tokenization.Tests;

/// <summary>Damaged files of every kind of tokenizer: each is a typed error, or a tokenizer that works.</summary>
public sealed class TokenizerFileFuzzTests : IDisposable
{
    private static readonly string[] Values =
        ["null", "true", "0", "-1", "1e99", "\"\"", "\"a\"", "\"SURROGATE\"", "[]", "[[]]", "{}", "{\"type\":\"Sequence\"}", "{\"String\":\"a\"}", "{\"Regex\":\"(\"}"];

    private readonly string _directory = Directory.CreateTempSubdirectory("tokenizer").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_file_with_damaged_bytes_is_refused_or_works()
    {
        Random random = new(21);
        int refused = 0;
        foreach (string file in Files().Take(60))
        {
            byte[] whole = Encoding.UTF8.GetBytes(file);
            for (int round = 0; round < 15; round++)
            {
                byte[] damaged = round % 3 == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
                for (int i = random.Next(0, 4); i > 0 && damaged.Length > 0; i--)
                    damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                refused += Try(damaged) ? 0 : 1;
            }
        }

        Assert.InRange(refused, 100, 899);
    }

    [Fact]
    public void A_file_with_changed_members_is_refused_or_works()
    {
        Random random = new(22);
        int refused = 0;
        foreach (string file in Files().Take(60))
        {
            for (int round = 0; round < 15; round++)
            {
                JsonObject changed = JsonNode.Parse(file)!.AsObject();
                for (int i = random.Next(1, 4); i > 0; i--)
                    Change(changed, random);
                refused += Try(Encoding.UTF8.GetBytes(changed.ToJsonString().Replace("SURROGATE", "\\ud800", StringComparison.Ordinal))) ? 0 : 1;
            }
        }

        Assert.InRange(refused, 100, 899);
    }

    /// <summary>Removes or replaces a member at random, deep or not.</summary>
    private static void Change(JsonNode node, Random random)
    {
        while (true)
        {
            int count = node is JsonObject o ? o.Count : ((JsonArray)node).Count;
            if (count == 0)
                return;
            int index = random.Next(count);
            JsonNode? child = node is JsonObject parent ? parent.ElementAt(index).Value : node[index];
            if (child is JsonObject or JsonArray && random.Next(4) != 0)
            {
                node = child;
                continue;
            }

            JsonNode? value = JsonNode.Parse(Values[random.Next(Values.Length)]);
            if (node is JsonArray array)
                array[index] = value;
            else if (random.Next(3) == 0)
                node.AsObject().Remove(node.AsObject().ElementAt(index).Key);
            else
                node[node.AsObject().ElementAt(index).Key] = value;
            return;
        }
    }

    /// <summary>Whether the file loads; what it makes of texts is only required to be ids, text or a typed error.</summary>
    private bool Try(byte[] json)
    {
        File.WriteAllBytes(Path.Combine(_directory, "tokenizer.json"), json);
        try
        {
            Tokenizer tokenizer = Tokenizer.Load(_directory);
            int[] ids = tokenizer.EncodeWithSpecialTokens("ab <s> \u00E9 1\n\u65E5\uD800");
            tokenizer.Decode(ids, skipSpecialTokens: true);
            return true;
        }
        catch (TokenizerException)
        {
            return false;
        }
    }

    private static IEnumerable<string> Files() =>
        File.ReadLines(SharedFiles.InRepository("tests", "Testing", "Fixtures", "random-tokenizers.jsonl"))
            .Select(line => JsonNode.Parse(line)!["tokenizer"]!.ToJsonString());
}
