namespace AgentRollout.Gateway.Metrics;

/// <summary><c>GET /metrics</c>, for Prometheus and whoever reads its text format.</summary>
internal static class MetricsEndpoint
{
    /// <param name="routes">Get the endpoint.</param>
    /// <param name="readMore">Gives what stands behind the program's own metrics, in the same format.</param>
    public static void MapMetrics(this IEndpointRouteBuilder routes, Func<string>? readMore = null) =>
        routes.MapGet("/metrics", (MetricCollector metrics) => TypedResults.Text(metrics.ReadText() + readMore?.Invoke(), PrometheusText.MediaType)).WithName("GetMetrics");
}
