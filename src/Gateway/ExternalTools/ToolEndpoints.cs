using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.Tools;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>Lists tools, and registers and removes those of clients.</summary>
internal static class ToolEndpoints
{
    public static void MapTools(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder tools = routes.MapGroup("/v1/tools");
        tools.MapGet("", List).WithName("ListTools");
        tools.MapPost("", RegisterAsync).WithName("RegisterTool")
            .Accepts<RegisterHttpToolRequest>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status409Conflict);
        tools.MapDelete("/{name}", RemoveAsync).WithName("RemoveTool")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static Ok<IReadOnlyList<ToolResponse>> List(ToolCatalog tools) =>
        TypedResults.Ok<IReadOnlyList<ToolResponse>>([.. tools.Current.All.Select(ToolResponse.Of)]);

    private static async Task<Results<Created<ToolResponse>, ProblemHttpResult>> RegisterAsync(
        HttpContext context, ToolRegistry registry, CancellationToken cancellationToken)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, cancellationToken);
        (string name, RegisteredTool? tool) = await registry.AddAsync(body.GetBuffer().AsMemory(0, (int)body.Length), cancellationToken);
        return tool is not null
            ? TypedResults.Created((string?)null, ToolResponse.Of(tool))
            : ProblemMapping.Problem(StatusCodes.Status409Conflict, ProblemCodes.ToolExists, $"A tool '{name}' exists already.");
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        string name, ToolRegistry registry, ToolCatalog tools, CancellationToken cancellationToken)
    {
        if (await registry.RemoveAsync(name, cancellationToken))
            return TypedResults.NoContent();
        return tools.Current.TryGet(name, out RegisteredTool? tool)
            ? ProblemMapping.Problem(
                StatusCodes.Status409Conflict,
                ProblemCodes.ToolNotRegistered,
                $"Tool '{name}' is of {tool.Owner}; only what POST /v1/tools registered can be removed.")
            : ProblemMapping.Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownTool, $"Tool '{name}' is not registered.");
    }
}

/// <summary>A tool that rollouts may offer.</summary>
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
