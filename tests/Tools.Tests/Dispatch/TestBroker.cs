using AgentRollout.Testing;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>The RabbitMQ that docker/start-rabbitmq.sh makes available; test.sh exports its address.</summary>
internal static class TestBroker
{
    private const string Variable = "AGENTROLLOUT_RABBITMQ_URL";

    /// <summary>Settings with groups of this test alone, so that no worker of another test takes its calls.</summary>
    /// <param name="drain">See <see cref="ToolBusOptions.Drain"/>; zero where it is null.</param>
    public static ToolBusOptions Options(IReadOnlyList<string> tools, Func<ToolBusGroup, ToolBusGroup>? change = null, TimeSpan? drain = null)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } url)
        {
            SharedFiles.Missing($"{Variable} is not set; docker/start-rabbitmq.sh starts a broker and prints its value.");
            throw new InvalidOperationException();
        }

        return new ToolBusOptions
        {
            Broker = new Uri(url),
            WorkerSilence = TimeSpan.FromMinutes(5),
            Drain = drain ?? TimeSpan.Zero,
            Groups = new Dictionary<string, ToolBusGroup>
            {
                [$"test-{Guid.NewGuid():N}"] = (change ?? (group => group))(new ToolBusGroup { Tools = tools, Prefetch = 300 }),
            },
        };
    }
}
