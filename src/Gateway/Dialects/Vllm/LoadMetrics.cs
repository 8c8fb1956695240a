using System.Globalization;
using AgentRollout.Environments;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>The load of the embedded engine under the names by which routers of vLLM read it from <c>/metrics</c>.</summary>
internal static class LoadMetrics
{
    /// <summary>In the text format of Prometheus; nothing for another engine, whose own server tells it.</summary>
    public static string Read(Policy policy)
    {
        if (policy.Engine is not LocalEngine { Statistics: var now })
            return "";
        return Gauge("num_requests_running", "Sequences that generate.", now.Running)
            + Gauge("num_requests_waiting", "Sequences that wait for a place.", now.Waiting)
            + Gauge("kv_cache_usage_perc", "The share of the cache's pages that sequences use, 0 to 1.", (double)now.PagesInUse / now.PagesTotal);

        string Gauge(string name, string help, double value) => string.Create(
            CultureInfo.InvariantCulture, $"# HELP vllm:{name} {help}\n# TYPE vllm:{name} gauge\nvllm:{name}{{model_name=\"{policy.Name}\"}} {value}\n");
    }
}
