using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Commands;

/// <summary>What imported trajectories tell of the request that they came from.</summary>
internal sealed class ImportedRollout
{
    private readonly Dictionary<string, JsonElement> _tasks = new(StringComparer.Ordinal);
    private readonly string _environment;
    private readonly string _model;
    private int _samples = 1;

    private ImportedRollout(string id, string environment, string model) => (Id, _environment, _model) = (id, environment, model);

    public string Id { get; }

    /// <summary>Whether a server is to go on with it.</summary>
    public bool IsUnfinished { get; private init; }

    /// <summary>Whether trajectories were added to it.</summary>
    public bool HasGrown { get; private set; }

    /// <summary>Whether more is known of it than is stored.</summary>
    public bool HasChanged { get; private set; } = true;

    /// <param name="first">One of its trajectories.</param>
    /// <param name="row">As it is stored; null where it is not.</param>
    public static ImportedRollout Of(Trajectory first, RolloutRow? row)
    {
        ImportedRollout rollout = new(first.RolloutId, first.Task.Environment, first.Model.Name)
        {
            IsUnfinished = row?.State is RolloutState.Queued or RolloutState.Running or RolloutState.Capturing,
        };
        if (row?.State == RolloutState.Imported)
        {
            StartRolloutRequest known = JsonSerializer.Deserialize(row.Request, GatewayJson.Default.StartRolloutRequest)!;
            rollout._samples = known.SamplesPerTask;
            foreach (TaskBody task in known.Tasks!)
                rollout._tasks[task.Id] = task.Data;
            rollout.HasChanged = false;
        }

        rollout.Describe(first);
        return rollout;
    }

    public void Add(Trajectory trajectory, bool isNew)
    {
        Describe(trajectory);
        HasGrown |= isNew;
    }

    /// <summary>The request, to be stored now.</summary>
    public StartRolloutRequest TakeRequest()
    {
        HasChanged = false;
        return new StartRolloutRequest
        {
            Environment = _environment,
            Model = _model,
            Tasks = [.. _tasks.Select(task => new TaskBody { Id = task.Key, Data = task.Value })],
            SamplesPerTask = _samples,
        };
    }

    private void Describe(Trajectory trajectory)
    {
        HasChanged |= _tasks.TryAdd(trajectory.Task.Id, trajectory.Task.Data) | trajectory.SampleIndex >= _samples;
        _samples = Math.Max(_samples, trajectory.SampleIndex + 1);
    }
}
