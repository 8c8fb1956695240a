using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Tools;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Catalogs;

/// <summary>What is registered: environments and tools.</summary>
internal static class CatalogEndpoints
{
    public static void MapCatalogs(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/environments", ListEnvironments).WithName("ListEnvironments");
        routes.MapGet("/v1/tools", ListTools).WithName("ListTools");
    }

    private static Ok<IReadOnlyList<EnvironmentResponse>> ListEnvironments(EnvironmentCatalog environments) =>
        TypedResults.Ok<IReadOnlyList<EnvironmentResponse>>([.. environments.All.Select(environment => new EnvironmentResponse(
            environment.Name, environment.Description, environment.Tools, environment.Generate is not null))]);

    private static Ok<IReadOnlyList<ToolResponse>> ListTools(ToolCatalog tools) =>
        TypedResults.Ok<IReadOnlyList<ToolResponse>>([.. tools.Current.All.Select(ToolResponse.Of)]);
}

/// <summary>A registered environment.</summary>
/// <param name="Name">What <c>environment</c> of a rollout names.</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="Tools">The tools that it offers to the model.</param>
/// <param name="GeneratesTasks">Whether <c>task_set</c> may be used.</param>
internal sealed record EnvironmentResponse(string Name, string Description, IReadOnlyList<string> Tools, bool GeneratesTasks);

/// <summary>A registered tool.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Description">One sentence for the model.</param>
/// <param name="Parameters">JSON schema of the arguments.</param>
/// <param name="Source">Whose it is: the program's, a setting's, a plugin's, an MCP server's or a registration's.</param>
internal sealed record ToolResponse(string Name, string Description, JsonElement Parameters, string Source)
{
    public static ToolResponse Of(RegisteredTool tool)
    {
        ToolSpec spec = tool.Tool.Spec;
        return new ToolResponse(spec.Name, spec.Description, spec.Parameters, tool.Owner);
    }
}
