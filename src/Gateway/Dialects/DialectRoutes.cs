namespace AgentRollout.Gateway.Dialects;

/// <summary>Where a dialect is mounted.</summary>
internal static class DialectRoutes
{
    /// <summary>A group of a dialect's calls behind its prefix, on its port. They are documented by the server that they are of.</summary>
    public static RouteGroupBuilder MapDialect(this IEndpointRouteBuilder routes, string prefix, int? port)
    {
        RouteGroupBuilder group = routes.MapGroup(prefix).ExcludeFromDescription();
        return port is null ? group : group.RequireHost($"*:{port}");
    }
}
