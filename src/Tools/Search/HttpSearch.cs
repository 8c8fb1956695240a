using System.Net.Http.Json;
using System.Text.Json;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Searches a retrieval server that speaks Search-R1's protocol: <c>POST {"queries": […], "topk": n, "return_scores": true}</c>, answered by
/// <c>{"result": [[{"document": {"id": "…", "contents": "\"Title\"\nbody"}, "score": 0.7}]]}</c>, or by the bare documents where the server
/// gives no scores. Makes no retries: a call's time-out and the environment decide what a failed search is worth.
/// </summary>
/// <param name="client">Its life and its handler are the caller's.</param>
/// <param name="endpoint">The whole address, such as <c>http://127.0.0.1:8000/retrieve</c>.</param>
public sealed class HttpSearch(HttpClient client, Uri endpoint) : ISearchProvider
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<SearchHit>> SearchAsync(string query, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (string.IsNullOrWhiteSpace(query))
            throw new ToolException("The query has no words to search for.");
        try
        {
            using HttpResponseMessage response = await client.PostAsJsonAsync(
                endpoint, new { queries = new[] { query }, topk = limit, return_scores = true }, cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw new ToolException($"The search server {endpoint} answered {(int)response.StatusCode}.");
            JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            return [.. answer.GetProperty("result")[0].EnumerateArray().Take(limit).Select(ReadHit)];
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ToolException($"The search server {endpoint} did not answer within {client.Timeout.TotalSeconds} s.", error);
        }
        catch (HttpRequestException error)
        {
            throw new ToolException($"The search server {endpoint} cannot be reached: {error.Message}", error);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            throw new ToolException($"The search server {endpoint} answered what is no list of documents: {error.Message}", error);
        }
    }

    private static SearchHit ReadHit(JsonElement item)
    {
        bool scored = item.TryGetProperty("document", out JsonElement document);
        if (!scored)
            document = item;
        double score = scored && item.TryGetProperty("score", out JsonElement value) ? value.GetDouble() : 0;
        string id = document.TryGetProperty("id", out JsonElement key) ? key.ToString() : "";
        string contents = document.GetProperty("contents").GetString() ?? throw new JsonException("a document has no contents.");
        int lineEnd = contents.IndexOf('\n');
        return lineEnd < 0
            ? new SearchHit(new Passage(id, "", contents), score)
            : new SearchHit(new Passage(id, contents[..lineEnd].Trim().Trim('"'), contents[(lineEnd + 1)..]), score);
    }
}
