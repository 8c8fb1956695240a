using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Capture;

/// <summary>
/// Opens, finds and ends sessions. A session is a trajectory of a rollout that agents outside play, and has its id; it is open until its trajectory is
/// stored, also over a restart.
/// </summary>
internal sealed class SessionRegistry(
    RolloutStore rollouts,
    RolloutRegistry registry,
    DatabaseJournal journal,
    DatabaseTrajectoryStore trajectories,
    Policy policy,
    GatewayOptions options,
    TimeProvider timeProvider,
    ILogger<SessionRegistry> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, LiveSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>All open sessions.</summary>
    public IEnumerable<LiveSession> Open => _sessions.Values;

    /// <summary>Opens the sessions of a request; null where there would be too many.</summary>
    /// <param name="request">What is played.</param>
    /// <param name="key">What the client calls the request: a second one of the same key opens nothing and gets the sessions of the first.</param>
    /// <param name="cancellationToken">The client is gone.</param>
    /// <exception cref="InvalidInputException">The request cannot be played.</exception>
    /// <exception cref="ConflictException">The key is that of another kind of rollout.</exception>
    public async Task<(string RolloutId, bool IsNew)?> AddAsync(StartSessionsRequest request, string? key, CancellationToken cancellationToken)
    {
        AcceptedSessions accepted = Accept(request);
        if (key is not null && rollouts.FindByKey(key) is { } known)
            return (RequireSessions(known, key), false);
        if (_sessions.Count + (accepted.Tasks!.Count * accepted.SamplesPerTask) > options.OpenSessions)
            return null;
        DateTimeOffset now = timeProvider.GetUtcNow();
        string id = Guid.CreateVersion7(now).ToString("N");
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(accepted, GatewayJson.Default.AcceptedSessions);
        if (!await rollouts.TryAddCapturingAsync(id, key, json, now, cancellationToken))
            return (RequireSessions(rollouts.FindByKey(key!)!, key!), false);
        await OpenAsync(rollouts.Find(id)!, cancellationToken);
        return (id, true);
    }

    /// <summary>The session, where it is open.</summary>
    public LiveSession? Find(string id) => _sessions.GetValueOrDefault(id);

    /// <summary>The sessions of a rollout that are open, in the order of their tasks and samples.</summary>
    public IReadOnlyList<LiveSession> Of(string rolloutId) => rollouts.Find(rolloutId) is { } row
        ? [.. Places(Read(row)).Select(place => Find(EpisodeSpec.IdOf(rolloutId, place.Task, place.Sample))).OfType<LiveSession>()]
        : [];

    /// <summary>Ends a session and stores its trajectory.</summary>
    public async Task<Trajectory> EndAsync(LiveSession session, StopReason reason)
    {
        await session.Ending.WaitAsync();
        try
        {
            if (Find(session.Id) is null)
                return trajectories.Find(session.Id)!;
            Trajectory trajectory = await session.Capture.SealAsync(reason);
            session.Rollout.BeginStoring(trajectory.Id);
            await trajectories.AppendAsync(trajectory, CancellationToken.None);
            _sessions.TryRemove(session.Id, out _);
            session.Rollout.Report(new TrajectorySealed(
                trajectory.RolloutId, trajectory.Id, trajectory.Status, trajectory.StopReason, trajectory.Reward, trajectory.Turns, trajectory.ToolCalls.Count, trajectory.SampledTokens));
            await EndRolloutAsync(session.Rollout);
            return trajectory;
        }
        finally
        {
            session.Ending.Release();
        }
    }

    /// <summary>Opens what an earlier run of the server left open, before the server listens.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (RolloutRow row in rollouts.Capturing())
            await OpenAsync(row, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Ends what is expired, and what belongs to a cancelled rollout.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, timeProvider);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (LiveSession session in Open)
            {
                if (session.Rollout.Abort.IsCancellationRequested)
                    await TryEndAsync(session, StopReason.Cancelled);
                else if (session.HasExpired(timeProvider.GetUtcNow()))
                    await TryEndAsync(session, StopReason.Deadline);
            }
        }
    }

    private async Task TryEndAsync(LiveSession session, StopReason reason)
    {
        try
        {
            await EndAsync(session, reason);
        }
        catch (Exception exception) when (exception is StorageException or JournalException)
        {
            Log.SessionNotStored(logger, session.Id, exception.Message);
        }
    }

    private async Task OpenAsync(RolloutRow row, CancellationToken cancellationToken)
    {
        LiveRollout rollout = new(row.Id, JsonSerializer.Deserialize(row.Request, GatewayJson.Default.StartRolloutRequest)!, unacknowledged: 0, timeProvider);
        if (row.CancelRequested)
            await rollout.CancelAsync();
        registry.Adopt(rollout);
        AcceptedSessions accepted = Read(row);
        IReadOnlySet<string> stored = trajectories.StoredIds(row.Id);
        IReadOnlySet<string> begun = journal.Begun(row.Id);
        foreach ((int task, int sample) in Places(accepted))
        {
            string id = EpisodeSpec.IdOf(row.Id, task, sample);
            if (stored.Contains(id))
                continue;
            CaptureSpec spec = SpecOf(row.Id, accepted, task, sample) with { Recorded = begun.Contains(id) ? await journal.ReadAsync(id, cancellationToken) : [] };
            rollout.Report(new TrajectoryStarted(row.Id, id, spec.GroupId, spec.Task.Id, sample));
            _sessions[id] = new LiveSession(new CaptureSession(spec, policy, rollout), rollout, accepted, row.CreatedAt, timeProvider.GetUtcNow());
        }

        await EndRolloutAsync(rollout);
    }

    /// <summary>Ends a rollout whose last session has ended.</summary>
    private async Task EndRolloutAsync(LiveRollout rollout)
    {
        if (!rollout.HasEnded && _sessions.Values.All(session => session.Rollout != rollout))
            await registry.EndAsync(rollout, rollout.Abort.IsCancellationRequested ? RolloutState.Cancelled : RolloutState.Completed, error: null);
    }

    private CaptureSpec SpecOf(string rolloutId, AcceptedSessions accepted, int task, int sample) => new()
    {
        TrajectoryId = EpisodeSpec.IdOf(rolloutId, task, sample),
        RolloutId = rolloutId,
        GroupId = EpisodeSpec.GroupIdOf(rolloutId, task),
        SampleIndex = sample,
        Environment = accepted.Environment,
        Task = new RolloutTask(accepted.Tasks![task].Id, accepted.Tasks[task].Data!.Value),
        Sampling = accepted.Sampling.ToParams(),
        Mask = accepted.Mask,
        MaxTurns = accepted.Limits.MaxTurns,
        MaxTokens = accepted.Limits.MaxTokens,
        MaxTokensPerTurn = accepted.Limits.MaxTokensPerTurn,
        Seed = TrajectorySeed.Derive(accepted.Seed!.Value, task, sample),
        Journal = journal,
    };

    private AcceptedSessions Accept(StartSessionsRequest request)
    {
        if (request.Model is { } model && model != policy.Name)
            throw new InvalidInputException(ProblemCodes.UnknownModel, $"Model '{model}' is not served here; the served model is '{policy.Name}'.");
        if (string.IsNullOrWhiteSpace(request.Environment))
            throw Invalid("Member 'environment' is empty; it must name what the agents play.");
        if (request.Sampling.ToParams().Problem(policy.Engine.Model.VocabularySize) is { } problem)
            throw Invalid($"Member 'sampling' {problem}.");
        if (request.Limits.MaxTokens > policy.Engine.Model.ContextLength)
            throw Invalid($"Member 'limits.max_tokens' is {request.Limits.MaxTokens}; model '{policy.Name}' has a context of {policy.Engine.Model.ContextLength} tokens.");
        return new AcceptedSessions(request)
        {
            Tasks = TasksOf(request),
            Model = policy.Name,
            Seed = request.Seed ?? RolloutPlanner.DrawSeed(),
            Secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
        };
    }

    private static SessionTaskBody[] TasksOf(StartSessionsRequest request)
    {
        if (request.Tasks is [])
            throw Invalid("Member 'tasks' is empty; it must hold at least one task.");
        SessionTaskBody[] tasks = [.. (request.Tasks ?? [new SessionTaskBody { Id = "task" }]).Select(task => task with { Data = task.Data ?? NoData })];
        if (tasks.GroupBy(task => task.Id).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InvalidInputException(ProblemCodes.InvalidTask, $"Task id '{twice.Key}' is used twice.");
        return tasks.FirstOrDefault(task => task.Data!.Value.ValueKind != JsonValueKind.Object) is { } wrong
            ? throw new InvalidInputException(ProblemCodes.InvalidTask, $"Task '{wrong.Id}': 'data' is a JSON {wrong.Data!.Value.ValueKind}; it must be an object.")
            : tasks;
    }

    private static JsonElement NoData { get; } = JsonElement.Parse("{}");

    private static IEnumerable<(int Task, int Sample)> Places(AcceptedSessions accepted) =>
        Enumerable.Range(0, accepted.Tasks!.Count).SelectMany(task => Enumerable.Range(0, accepted.SamplesPerTask).Select(sample => (task, sample)));

    private static AcceptedSessions Read(RolloutRow row) => JsonSerializer.Deserialize(row.Request, GatewayJson.Default.AcceptedSessions)!;

    private static string RequireSessions(RolloutRow row, string key) => Read(row).Secret.Length > 0
        ? row.Id
        : throw new ConflictException(ProblemCodes.InvalidValue, $"The key '{key}' is that of rollout '{row.Id}', which the server plays itself.");

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
