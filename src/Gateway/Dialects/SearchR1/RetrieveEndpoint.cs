using AgentRollout.Gateway.Errors;
using AgentRollout.Tools;
using AgentRollout.Tools.Search;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Dialects.SearchR1;

/// <summary>
/// <c>POST /retrieve</c>: the server's search in Search-R1's protocol, for trainers and tools that know that one. Its corpus is what the tool
/// <c>search</c> searches. As in that protocol, members that are not known are ignored.
/// </summary>
internal static class RetrieveEndpoint
{
    private const int DefaultTopK = 3;
    private const int MaxTopK = 1_000;
    private const int MaxQueries = 4_096;

    public static void MapRetrieve(this IEndpointRouteBuilder routes) => routes.MapPost("/retrieve", RetrieveAsync).WithName("Retrieve");

    private static async Task<Ok<RetrieveResponse>> RetrieveAsync(RetrieveRequest request, [FromServices] ISearchProvider search, CancellationToken cancellationToken)
    {
        int topK = request.TopK ?? DefaultTopK;
        if (topK is < 1 or > MaxTopK)
            throw new InvalidInputException(ProblemCodes.InvalidValue, $"'topk' is {topK}; it must be 1 to {MaxTopK}.");
        if (request.Queries is not { Count: <= MaxQueries } queries || queries.Contains(null!))
            throw new InvalidInputException(ProblemCodes.InvalidValue, $"'queries' must be a list of at most {MaxQueries} texts.");
        SearchResult[] results = new SearchResult[queries.Count];
        await Parallel.ForAsync(0, queries.Count, cancellationToken, async (i, token) => results[i] = await SearchAsync(search, queries[i], topK, token));
        return TypedResults.Ok(new RetrieveResponse(
            [.. results.Select(result => result.Hits.Select(hit => Item(hit, request.ReturnScores)).ToArray())],
            [.. results.Select(result => result.IgnoredTerms)]));
    }

    /// <summary>A query without words finds nothing: one of them must not lose the others.</summary>
    private static async Task<SearchResult> SearchAsync(ISearchProvider search, string query, int topK, CancellationToken cancellationToken)
    {
        try
        {
            return await search.SearchAsync(query, topK, cancellationToken);
        }
        catch (ToolException) when (!query.EnumerateRunes().Any(System.Text.Rune.IsLetterOrDigit))
        {
            return new SearchResult([], []);
        }
    }

    private static object Item(SearchHit hit, bool hasScore)
    {
        RetrievedDocument document = new(hit.Passage.Id, hit.Passage.Contents);
        return hasScore ? new ScoredDocument(document, hit.Score) : document;
    }
}
