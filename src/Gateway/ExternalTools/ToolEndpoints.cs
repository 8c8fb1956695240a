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

    private static async Task<Results<Created<ToolResponse>, Created<McpServerResponse>, ProblemHttpResult>> RegisterAsync(
        HttpContext context, ToolRegistry registry, CancellationToken cancellationToken)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, cancellationToken);
        (Registration registration, IReadOnlyList<RegisteredTool>? tools) =
            await registry.AddAsync(body.GetBuffer().AsMemory(0, (int)body.Length), cancellationToken);
        string name = registration.Name;
        return (registration.Tool, tools) switch
        {
            (null, null) => ProblemMapping.Problem(StatusCodes.Status409Conflict, ProblemCodes.ToolExists, $"Something is registered as '{name}' already."),
            (_, null) => ProblemMapping.Problem(StatusCodes.Status409Conflict, ProblemCodes.ToolExists, $"A tool '{name}' exists already."),
            (null, _) => TypedResults.Created((string?)null, new McpServerResponse(name, ToolRegistry.OwnerOf(name), [.. tools.Select(ToolResponse.Of)])),
            _ => TypedResults.Created((string?)null, ToolResponse.Of(tools[0])),
        };
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
                $"Tool '{name}' is of {tool.Owner}; only what POST /v1/tools registered can be removed, by the name of the registration.")
            : ProblemMapping.Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownTool, $"Tool '{name}' is not registered.");
    }
}

/// <summary>An MCP server that was registered.</summary>
/// <param name="Name">The registration's name, by which it can be removed.</param>
/// <param name="Source">How its tools are listed.</param>
/// <param name="Tools">What it has now.</param>
internal sealed record McpServerResponse(string Name, string Source, IReadOnlyList<ToolResponse> Tools);

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
