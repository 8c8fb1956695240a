using AgentRollout.Testing;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>The RabbitMQ that docker/start-rabbitmq.sh makes available; test.sh exports its address.</summary>
internal static class TestBroker
{
    private const string Variable = "AGENTROLLOUT_RABBITMQ_URL";

    /// <summary>Settings with groups of this test alone, so that no worker of another test takes its calls.</summary>
    public static ToolBusOptions Options(params string[] tools)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } url)
        {
            SharedFiles.Missing($"{Variable} is not set; docker/start-rabbitmq.sh starts a broker and prints its value.");
            throw new InvalidOperationException();
        }

        return new ToolBusOptions
        {
            Broker = new Uri(url),
            Groups = new Dictionary<string, ToolGroup> { [$"test-{Guid.NewGuid():N}"] = new() { Tools = tools, Prefetch = 300 } },
        };
    }
}
