using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AgentRollout.Tools.Http;

/// <summary>Writes the arguments of a call into address and body as an <see cref="HttpToolDefinition"/> says.</summary>
internal sealed partial class HttpToolRequest
{
    private readonly string _url;
    private readonly HttpMethod _method;
    private readonly HashSet<string> _inUrl = new(StringComparer.Ordinal);

    /// <exception cref="ToolException">The address cannot be used.</exception>
    public HttpToolRequest(HttpToolDefinition definition)
    {
        _url = definition.Url;
        _method = HttpMethod.Parse(definition.Method.ToString());
        foreach (Match placeholder in Placeholder().Matches(_url))
        {
            string name = placeholder.Groups[1].Value;
            if (!Requires(definition.Parameters, name))
                throw new ToolException($"'url' has '{{{name}}}', which is no required argument of 'parameters'.");
            _inUrl.Add(name);
        }

        Server = HttpToolClient.Name(HttpAddress.Parse("url", _url));
    }

    /// <summary>The server part of the address.</summary>
    public string Server { get; }

    private bool HasBody => _method != HttpMethod.Get && _method != HttpMethod.Delete;

    /// <exception cref="ToolException">An argument cannot stand in the address.</exception>
    public HttpCall Write(ToolInvocation invocation, HttpToolAuth? auth)
    {
        JsonElement arguments = invocation.Arguments;
        string url = Placeholder().Replace(_url, match => Segment(match.Groups[1].Value, arguments));
        JsonProperty[] others = [.. arguments.EnumerateObject().Where(argument => !_inUrl.Contains(argument.Name))];
        if (!HasBody)
            url = AppendQuery(url, others);
        return new HttpCall(_method, new Uri(url), HasBody ? Body(arguments, others) : null, headers =>
        {
            headers.Add("Idempotency-Key", HeaderText(invocation.CallId));
            headers.Add("X-Trajectory-Id", HeaderText(invocation.TrajectoryId));
            auth?.AddTo(headers);
        });
    }

    private byte[] Body(JsonElement arguments, JsonProperty[] others)
    {
        if (_inUrl.Count == 0)
            return Encoding.UTF8.GetBytes(arguments.GetRawText());
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            foreach (JsonProperty argument in others)
                argument.WriteTo(json);
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    /// <summary>A list becomes its name several times, nothing becomes nothing, and what has members becomes JSON.</summary>
    private static string AppendQuery(string url, JsonProperty[] arguments)
    {
        IEnumerable<string> pairs = arguments.SelectMany(argument =>
            (argument.Value.ValueKind == JsonValueKind.Array ? argument.Value.EnumerateArray().ToArray() : [argument.Value])
            .Where(value => value.ValueKind != JsonValueKind.Null)
            .Select(value => $"{Uri.EscapeDataString(argument.Name)}={Uri.EscapeDataString(Plain(value))}"));
        string query = string.Join('&', pairs);
        return query.Length == 0 ? url : url + (url.Contains('?') ? '&' : '?') + query;
    }

    private static string Segment(string name, JsonElement arguments)
    {
        string text = Plain(arguments.GetProperty(name));
        // These would lead to another path of the server, since they keep their meaning when they are escaped.
        return text is "" or "." or ".." ? throw new ToolException($"Argument '{name}' cannot be '{text}'.") : Uri.EscapeDataString(text);
    }

    /// <summary>A call's id may be the model's own.</summary>
    private static string HeaderText(string id) => id.AsSpan().ContainsAnyExceptInRange('!', '~') ? Uri.EscapeDataString(id) : id;

    private static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static bool Requires(JsonElement schema, string name) =>
        schema.ValueKind == JsonValueKind.Object
        && schema.TryGetProperty("required", out JsonElement required)
        && required.ValueKind == JsonValueKind.Array
        && required.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(name));

    [GeneratedRegex(@"\{([^{}/]*)\}")]
    private static partial Regex Placeholder();
}
