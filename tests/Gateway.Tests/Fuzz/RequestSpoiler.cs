using System.Text;
using System.Text.Json.Nodes;

namespace AgentRollout.Gateway.Tests.Fuzz;

/// <summary>Makes bad requests out of good ones: values of the wrong type and size, members left out and made up, broken bytes, broken paths, and broken ways to send them.</summary>
/// <param name="random">Says what is spoiled.</param>
/// <param name="ids">Ids that mean something to the server.</param>
internal sealed class RequestSpoiler(Random random, IReadOnlyList<string> ids)
{
    private static readonly string[] _strangeIds =
        ["%00", "..%2F..%2Fetc", "'%20OR%201=1--", new('a', 3_000), "%F0%9F%A6%80", "-1", "9223372036854775808", "null", "%ED%A0%80", "%25s"];

    private static readonly string[] _strangeValues =
    [
        "null", "true", "false", "\"\"", "\"text\"", "\"\\u0000\"", "\"\\ud800\"", "\"\ud83e\udd80\"", "0", "-1", "1", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "0.5", "-0.0", "1e308", "1e400", "-1e400", "1e-400", "[]", "{}", "[null]", "[[]]", "[1,\"a\"]", "{\"\": null}", "\"NaN\"", "\"-1\"", "\"1e3\"",
        $"\"{new string('x', 20_000)}\"", $"[{string.Join(',', Enumerable.Repeat("1", 5_000))}]", $"[{string.Join(',', Enumerable.Repeat("\"a\"", 2_000))}]",
        $"{new string('[', 60)}{new string(']', 60)}", $"{new string('[', 5_000)}{new string(']', 5_000)}", $"{string.Concat(Enumerable.Repeat("{\"a\":", 500))}1{new string('}', 500)}",
    ];

    /// <summary>A spoiled request for an endpoint; now and then a good one.</summary>
    public FuzzRequest Spoil(FuzzTarget target)
    {
        string method = random.Next(40) == 0 ? Pick("GET", "POST", "PUT", "DELETE", "PATCH") : target.Method;
        string? type = random.Next(30) == 0 ? Pick("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=utf-16") : "application/json";
        Delivery way = target.Body.Length == 0 || random.Next(25) != 0 ? (random.Next(40) == 0 ? Delivery.Left : Delivery.Whole) : random.Next(2) == 0 ? Delivery.Cut : Delivery.Slow;
        return new FuzzRequest(method, PathOf(target), target.Body.Length == 0 ? null : type, BodyOf(target), way);
    }

    private string PathOf(FuzzTarget target)
    {
        StringBuilder path = new();
        foreach (string part in target.Route.Split('/', StringSplitOptions.RemoveEmptyEntries))
            path.Append('/').Append(part.StartsWith('{') ? IdOf() : part);
        if (target.Query.Length == 0)
            return path.ToString();
        char mark = '?';
        foreach (string parameter in target.Query.Split('&'))
        {
            if (random.Next(3) == 0)
                continue;
            string name = parameter[..parameter.IndexOf('=', StringComparison.Ordinal)];
            path.Append(mark).Append(random.Next(3) == 0 ? $"{name}={Uri.EscapeDataString(Value(maximum: 200))}" : parameter);
            mark = '&';
        }

        return path.ToString();
    }

    private string IdOf() => random.Next(3) > 0 ? ids[random.Next(ids.Count)] : Pick(_strangeIds);

    private byte[] BodyOf(FuzzTarget target)
    {
        if (target.Body.Length == 0)
            return [];
        string text = target.Body;
        if (text[0] == '{' && random.Next(8) != 0)
            text = SpoilJson(text);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        switch (random.Next(12))
        {
            case 0:
                return bytes[..random.Next(bytes.Length + 1)];
            case 1:
                for (int i = 0; i < 3 && bytes.Length > 0; i++)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return bytes;
            case 2:
                int at = random.Next(bytes.Length + 1);
                return [.. bytes[..at], .. (ReadOnlySpan<byte>)[0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80], .. bytes[at..]];
            case 3:
                random.NextBytes(bytes);
                return bytes;
            default:
                return bytes;
        }
    }

    /// <summary>Spoils one to three values, wherever they are.</summary>
    private string SpoilJson(string text)
    {
        JsonNode root = JsonNode.Parse(text)!;
        Dictionary<string, string> replaced = [];
        for (int count = random.Next(1, 4); count > 0; count--)
        {
            List<JsonNode> parents = [.. Containers(root)];
            JsonNode parent = parents[random.Next(parents.Count)];
            string mark = $"@{replaced.Count}@";
            if (parent is JsonArray array)
            {
                int place = random.Next(array.Count + 1);
                if (place == array.Count)
                    array.Add(mark);
                else
                    array[place] = mark;
            }
            else if (parent is JsonObject members)
            {
                string[] names = [.. members.Select(member => member.Key)];
                string name = names.Length == 0 || random.Next(8) == 0 ? Pick("unknown", "", "__proto__", "messages", "model", "n") : names[random.Next(names.Length)];
                if (random.Next(5) == 0)
                {
                    members.Remove(name);
                    continue;
                }

                members[name] = mark;
            }

            replaced[mark] = Value(maximum: int.MaxValue);
        }

        string spoiled = root.ToJsonString();
        foreach ((string mark, string value) in replaced)
            spoiled = spoiled.Replace($"\"{mark}\"", value, StringComparison.Ordinal);
        return spoiled;
    }

    private static IEnumerable<JsonNode> Containers(JsonNode node)
    {
        IEnumerable<JsonNode?> children = node switch
        {
            JsonObject members => members.Select(member => member.Value),
            JsonArray items => items,
            _ => [],
        };
        return node is JsonValue ? [] : children.OfType<JsonNode>().SelectMany(Containers).Prepend(node);
    }

    private string Value(int maximum)
    {
        string value = Pick(_strangeValues);
        return value.Length <= maximum ? value : value[..maximum];
    }

    private string Pick(params string[] values) => values[random.Next(values.Length)];
}
