using AgentRollout.Environments;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Catalogs;

/// <summary>The registered environments.</summary>
internal static class CatalogEndpoints
{
    public static void MapCatalogs(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/environments", ListEnvironments).WithName("ListEnvironments");

    private static Ok<IReadOnlyList<EnvironmentResponse>> ListEnvironments(EnvironmentCatalog environments) =>
        TypedResults.Ok<IReadOnlyList<EnvironmentResponse>>([.. environments.All.Select(environment => new EnvironmentResponse(
            environment.Name, environment.Description, environment.Tools, environment.Generate is not null, environment.Owner))]);
}

/// <summary>A registered environment.</summary>
/// <param name="Name">What <c>environment</c> of a rollout names.</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="Tools">The tools that it offers to the model.</param>
/// <param name="GeneratesTasks">Whether <c>task_set</c> may be used.</param>
/// <param name="Source">Whose it is: the program's or a plugin's.</param>
internal sealed record EnvironmentResponse(string Name, string Description, IReadOnlyList<string> Tools, bool GeneratesTasks, string Source);
