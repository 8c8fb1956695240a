using System.Text.Json;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Schema;
using AgentRollout.Tools.Search;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// verl's <c>SearchTool</c>: sends the queries of <c>query_list</c> to a server of Search-R1's protocol and answers, as verl does, with
/// <c>{"result": "Doc 1 (Title: …)\n…"}</c>, the queries parted by a line of dashes.
/// </summary>
internal sealed class VerlSearchTool : ITool
{
    private const string Queries = "query_list";

    private readonly HttpSearch _search;
    private readonly int _topK;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    private VerlSearchTool(ToolSpec spec, HttpSearch search, int topK, TimeSpan timeout, TimeProvider time) =>
        (Spec, _search, _topK, _timeout, _time) = (spec with { TaskArguments = VerlTaskArguments.Unused }, search, topK, timeout, time);

    /// <inheritdoc/>
    public ToolSpec Spec { get; }

    public static ITool Create(VerlSection config, ToolSpec spec, HttpToolClient client)
    {
        VerlSchema.Require(spec, "SearchTool", Queries);
        Uri url = HttpAddress.Parse("retrieval_service_url", config.RequiredText("retrieval_service_url"));
        // The key that verl's examples write, and the one that its class reads.
        int timeout = config.Integer("default_timeout", config.Integer("timeout", 30, 1, 3_600), 1, 3_600);
        int topK = config.Integer("topk", 3, 1, 1_000);
        ITool tool = new VerlSearchTool(spec, new HttpSearch(client.Http, url, client.Time), topK, TimeSpan.FromSeconds(timeout), client.Time);
        return new LimitedTool(tool, VerlLimits.MostAtOnce(config, standard: 120));
    }

    /// <inheritdoc/>
    public async Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        string[] queries = ReadQueries(invocation.Arguments);
        using var limit = new CancellationTokenSource(_timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            SearchResult[] results = await Task.WhenAll(queries.Select(query => _search.SearchAsync(query, _topK, either.Token)));
            string text = string.Join("\n---\n", results.Select(Show));
            return $"{{\"result\": {JsonSerializer.Serialize(text, ToolJson.Options)}}}";
        }
        catch (OperationCanceledException error) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"The search of tool '{Spec.Name}' did not end within {_timeout.TotalSeconds} s.", error);
        }
    }

    private static string[] ReadQueries(JsonElement arguments) =>
        arguments.TryGetProperty(Queries, out JsonElement list)
        && list.ValueKind == JsonValueKind.Array
        && list.GetArrayLength() > 0
        && list.EnumerateArray().All(query => query.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(query => query.GetString()!)]
            : throw new ToolException($"Argument '{Queries}' must be a list of at least one text.");

    private static string Show(SearchResult result) => string.Join("\n\n", result.Hits.Select((hit, index) =>
    {
        (string title, string text) = hit.Passage.Contents.Split('\n', 2) is [var first, var rest] ? (first, rest) : (hit.Passage.Contents, "");
        return $"Doc {index + 1} (Title: {title})\n{text}";
    })).Trim();
}
