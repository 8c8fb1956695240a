using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Tools.Http;
using Xunit;

namespace AgentRollout.Tools.Tests.Http;

public sealed class JsonPointerTests
{
    /// <summary>The document and the pointers of RFC 6901, section 5.</summary>
    [Theory]
    [InlineData("/foo", """["bar","baz"]""")]
    [InlineData("/foo/0", "\"bar\"")]
    [InlineData("/", "0")]
    [InlineData("/a~1b", "1")]
    [InlineData("/c%d", "2")]
    [InlineData("/k\"l", "6")]
    [InlineData("/ ", "7")]
    [InlineData("/m~0n", "8")]
    [InlineData("/foo/2", null)]
    [InlineData("/foo/00", null)]
    [InlineData("/foo/-", null)]
    [InlineData("/foo/0/0", null)]
    [InlineData("/missing", null)]
    public void Points_as_the_standard_says(string pointer, string? expected)
    {
        JsonElement document = JsonElement.Parse("""{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"k\"l":6," ":7,"m~n":8}""");
        Assert.Equal(expected, new JsonPointer(pointer).Find(document)?.GetRawText());
    }

    [Fact]
    public void Every_place_of_any_document_is_found_by_its_pointer()
    {
        var random = new Random(7);
        for (int i = 0; i < 200; i++)
        {
            var places = new List<(string Pointer, string Json)>();
            JsonNode document = Make(random, "", 4, places);
            JsonElement element = JsonElement.Parse(document.ToJsonString());
            foreach ((string pointer, string json) in places)
                Assert.True(JsonElement.DeepEquals(JsonElement.Parse(json), new JsonPointer(pointer).Find(element)!.Value), pointer);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("/a~")]
    [InlineData("/~2")]
    public void What_is_no_pointer_is_refused(string text) => Assert.Throws<ToolException>(() => new JsonPointer(text));

    private static JsonNode Make(Random random, string pointer, int depth, List<(string, string)> places)
    {
        JsonNode node;
        switch (depth == 0 ? 2 : random.Next(3))
        {
            case 0:
                var members = new JsonObject();
                for (int i = random.Next(4); i > 0; i--)
                {
                    string name = string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => "~/01a\""[random.Next(6)]));
                    if (!members.ContainsKey(name))
                        members[name] = Make(random, $"{pointer}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}", depth - 1, places);
                }

                node = members;
                break;
            case 1:
                node = new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(i => Make(random, $"{pointer}/{i}", depth - 1, places))]);
                break;
            default:
                node = JsonValue.Create(random.Next());
                break;
        }

        places.Add((pointer, node.ToJsonString()));
        return node;
    }
}
