using AgentRollout.Environments;
using AgentRollout.Tools.Sandbox;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Catalogs;

/// <summary>The registered environments, and the sandboxes that they may use.</summary>
internal static class CatalogEndpoints
{
    public static void MapCatalogs(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/environments", ListEnvironments).WithName("ListEnvironments");
        routes.MapGet("/v1/sandboxes", GetSandboxes).WithName("GetSandboxes");
    }

    private static Ok<IReadOnlyList<EnvironmentResponse>> ListEnvironments(EnvironmentCatalog environments) =>
        TypedResults.Ok<IReadOnlyList<EnvironmentResponse>>([.. environments.All.Select(environment => new EnvironmentResponse(
            environment.Name, environment.Description, environment.Tools, environment.Generate is not null, environment.Owner))]);

    private static Ok<SandboxesResponse> GetSandboxes(IServiceProvider services)
    {
        SandboxPool? pool = services.GetService<SandboxPool>();
        return TypedResults.Ok(new SandboxesResponse(pool?.RuntimeName, pool?.WarmCount ?? 0, pool?.LeaseCount ?? 0));
    }
}

/// <summary>A registered environment.</summary>
/// <param name="Name">What <c>environment</c> of a rollout names.</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="Tools">The tools that it offers to the model.</param>
/// <param name="GeneratesTasks">Whether <c>task_set</c> may be used.</param>
/// <param name="Source">Whose it is: the program's or a plugin's.</param>
internal sealed record EnvironmentResponse(string Name, string Description, IReadOnlyList<string> Tools, bool GeneratesTasks, string Source);

/// <summary>The pool of sandboxes.</summary>
/// <param name="Runtime">What makes them; null where none are configured.</param>
/// <param name="Warm">Ready for a trajectory.</param>
/// <param name="Leased">Trajectories that hold one or wait for one.</param>
internal sealed record SandboxesResponse(string? Runtime, int Warm, int Leased);
