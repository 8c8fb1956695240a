using System.Net.Http.Json;
using System.Text.Json;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Searches a retrieval server that speaks Search-R1's protocol: <c>POST {"queries": […], "topk": n, "return_scores": true}</c>, answered by
/// <c>{"result": [[{"document": {"id": "…", "contents": "\"Title\"\nbody"}, "score": 0.7}]]}</c>, or by the bare documents where the server
/// gives no scores. As that protocol's own client does, it tries again where the server is overloaded or restarting (500, 502, 503, 504, or no
/// connection), ten times in all with a pause that grows by a second; the call's time-out ends it earlier.
/// </summary>
/// <param name="client">Its life and its handler are the caller's.</param>
/// <param name="endpoint">The whole address, such as <c>http://127.0.0.1:8000/retrieve</c>.</param>
/// <param name="timeProvider">What the pauses are measured by.</param>
public sealed class HttpSearch(HttpClient client, Uri endpoint, TimeProvider? timeProvider = null) : ISearchProvider
{
    /// <summary>How often a search is tried.</summary>
    public const int MaxAttempts = 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task<SearchResult> SearchAsync(string query, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (string.IsNullOrWhiteSpace(query))
            throw new ToolException("The query has no words to search for.");
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using HttpResponseMessage response = await client.PostAsJsonAsync(
                    endpoint, new { queries = new[] { query }, topk = limit, return_scores = true }, cancellationToken);
                if (response.IsSuccessStatusCode)
                    return Read(await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken), limit);
                if (attempt == MaxAttempts || (int)response.StatusCode is not (500 or 502 or 503 or 504))
                    throw new ToolException($"The search server {endpoint} answered {(int)response.StatusCode}{After(attempt)}.");
            }
            catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
            {
                throw new ToolException($"The search server {endpoint} did not answer within {client.Timeout.TotalSeconds} s.", error);
            }
            catch (HttpRequestException error)
            {
                if (attempt == MaxAttempts)
                    throw new ToolException($"The search server {endpoint} cannot be reached{After(attempt)}: {error.Message}", error);
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
            {
                throw new ToolException($"The search server {endpoint} answered what is no list of documents: {error.Message}", error);
            }

            await Task.Delay(attempt * FirstPause, timeProvider ?? TimeProvider.System, cancellationToken);
        }
    }

    private static string After(int attempts) => attempts == 1 ? "" : $" at {attempts} attempts";

    private static SearchResult Read(JsonElement answer, int limit) =>
        new([.. answer.GetProperty("result")[0].EnumerateArray().Take(limit).Select(ReadHit)], []);

    private static SearchHit ReadHit(JsonElement item)
    {
        bool scored = item.TryGetProperty("document", out JsonElement document);
        if (!scored)
            document = item;
        double score = scored && item.TryGetProperty("score", out JsonElement value) ? value.GetDouble() : 0;
        string id = document.TryGetProperty("id", out JsonElement key) ? key.ToString() : "";
        string contents = document.GetProperty("contents").GetString() ?? throw new JsonException("a document has no contents.");
        return new SearchHit(Passage.FromContents(id, contents), score);
    }
}
