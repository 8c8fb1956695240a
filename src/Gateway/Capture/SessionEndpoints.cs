using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Capture;

/// <summary>What whoever runs agents outside asks (docs/capture.md).</summary>
internal static class SessionEndpoints
{
    public const string Root = "/v1/sessions";

    public static void MapSessions(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder sessions = routes.MapGroup(Root);
        sessions.MapPost("", StartAsync).WithName("StartSessions")
            .Accepts<StartSessionsRequest>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status429TooManyRequests);
        sessions.MapGet("", List).WithName("ListSessions");
        sessions.MapGet("/{id}", GetAsync).WithName("GetSession").ProducesProblem(StatusCodes.Status404NotFound);
        sessions.MapDelete("/{id}", AbortAsync).WithName("AbortSession")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        sessions.MapPost("/{id}/reward", RewardAsync).WithName("RewardSession")
            .Accepts<RewardBody>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        sessions.MapPost("/{id}/seal", SealAsync).WithName("SealSession")
            .Accepts<RewardBody>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Results<Created<SessionsResponse>, Ok<SessionsResponse>, ProblemHttpResult>> StartAsync(HttpContext context, SessionRegistry registry)
    {
        string? key = RolloutEndpoints.ReadKey(context.Request);
        StartSessionsRequest request = await StrictJson.ReadAsync(context.Request, GatewayJson.Default.StartSessionsRequest);
        if (await registry.AddAsync(request, key, context.RequestAborted) is not var (rolloutId, isNew))
            return ProblemMapping.Problem(StatusCodes.Status429TooManyRequests, ProblemCodes.TooManySessions, "Too many sessions are open; seal or abort some first.");
        string root = $"{context.Request.Scheme}://{context.Request.Host}{Root}";
        SessionsResponse response = new(rolloutId, [.. registry.Of(rolloutId).Select(session => Describe(session) with
        {
            Key = session.Key,
            OpenaiBaseUrl = $"{root}/{session.Id}{AgentEndpoints.OpenAi}/v1",
            AnthropicBaseUrl = $"{root}/{session.Id}{AgentEndpoints.Anthropic}",
        })]);
        return isNew ? TypedResults.Created($"/v1/rollouts/{rolloutId}", response) : TypedResults.Ok(response);
    }

    /// <summary>The open sessions, those of one rollout where it is named.</summary>
    private static IReadOnlyList<SessionResponse> List(SessionRegistry registry, string? rollout = null) =>
        [.. registry.Open.Where(session => rollout is null || session.Rollout.Id == rollout).OrderBy(session => session.Id, StringComparer.Ordinal).Select(Describe)];

    private static async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> GetAsync(
        string id, SessionRegistry registry, DatabaseTrajectoryStore store, DatabaseJournal journal, CancellationToken cancellationToken) =>
        registry.Find(id) is { } session ? TypedResults.Ok(Describe(session))
        : store.Find(id) is { } trajectory && await DescribeAsync(trajectory, journal, cancellationToken) is { } ended ? TypedResults.Ok(ended)
        : ProblemMapping.UnknownSession(id);

    private static Task<Results<Ok<SessionResponse>, ProblemHttpResult>> AbortAsync(
        string id, SessionRegistry registry, DatabaseTrajectoryStore store, DatabaseJournal journal, CancellationToken cancellationToken) =>
        WithSessionAsync(id, registry, store, session => EndAsync(session, StopReason.Cancelled, registry, journal, cancellationToken));

    private static async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> RewardAsync(
        string id, HttpContext context, SessionRegistry registry, DatabaseTrajectoryStore store)
    {
        RewardBody body = await StrictJson.ReadAsync(context.Request, GatewayJson.Default.RewardBody);
        IReadOnlyDictionary<string, double> components = ComponentsOf(body)
            ?? throw new InvalidInputException(ProblemCodes.MissingMember, "Member 'reward' or 'components' is missing.");
        return await WithSessionAsync(id, registry, store, async session =>
        {
            await session.Capture.SetRewardsAsync(components, context.RequestAborted);
            return Describe(session);
        });
    }

    private static async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> SealAsync(
        string id, HttpContext context, SessionRegistry registry, DatabaseTrajectoryStore store, DatabaseJournal journal)
    {
        IReadOnlyDictionary<string, double>? components = ComponentsOf(await StrictJson.ReadAsync(context.Request, GatewayJson.Default.RewardBody));
        return await WithSessionAsync(id, registry, store, async session =>
        {
            if (components is not null)
                await session.Capture.SetRewardsAsync(components, context.RequestAborted);
            return await EndAsync(session, StopReason.EnvironmentDone, registry, journal, context.RequestAborted);
        });
    }

    private static async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> WithSessionAsync(
        string id, SessionRegistry registry, DatabaseTrajectoryStore store, Func<LiveSession, Task<SessionResponse>> work)
    {
        try
        {
            if (registry.Find(id) is { } session)
                return TypedResults.Ok(await work(session));
        }
        catch (CaptureException exception) when (exception.Problem == CaptureProblem.Ended)
        {
            return ProblemMapping.SessionEnded(id);
        }

        return store.Find(id) is null ? ProblemMapping.UnknownSession(id) : ProblemMapping.SessionEnded(id);
    }

    private static async Task<SessionResponse> EndAsync(
        LiveSession session, StopReason reason, SessionRegistry registry, DatabaseJournal journal, CancellationToken cancellationToken) =>
        (await DescribeAsync(await registry.EndAsync(session, reason), journal, cancellationToken))!;

    private static IReadOnlyDictionary<string, double>? ComponentsOf(RewardBody body)
    {
        if (body is { Reward: not null, Components: not null })
            throw Invalid("Either 'reward' or 'components' is given, not both.");
        IReadOnlyDictionary<string, double>? components = body.Reward is { } reward ? new Dictionary<string, double> { ["reward"] = reward } : body.Components;
        foreach ((string name, double value) in components ?? new Dictionary<string, double>())
        {
            if (!double.IsFinite(value))
                throw Invalid($"Reward '{name}' is larger than a number of 64 bits can be.");
        }

        return components is null || double.IsFinite(components.Values.Sum()) ? components : throw Invalid("The rewards add up to more than a number of 64 bits can be.");
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);

    private static SessionResponse Describe(LiveSession session)
    {
        CaptureSession capture = session.Capture;
        return new SessionResponse
        {
            Id = session.Id,
            RolloutId = capture.Spec.RolloutId,
            GroupId = capture.Spec.GroupId,
            TaskId = capture.Spec.Task.Id,
            SampleIndex = capture.Spec.SampleIndex,
            State = SessionState.Open,
            Status = null,
            Turns = capture.Turns,
            Running = capture.Running,
            Sequences = capture.Sequences,
            Drift = capture.Drift,
            Rewards = capture.Rewards,
        };
    }

    /// <summary>What is stored of a session; null where the trajectory was played here.</summary>
    private static async Task<SessionResponse?> DescribeAsync(Trajectory trajectory, DatabaseJournal journal, CancellationToken cancellationToken)
    {
        PromptedCall[] calls = [.. (await journal.ReadAsync(trajectory.Id, cancellationToken))
            .SelectMany(entry => entry.Events).OfType<TurnPrompted>().Select(prompted => prompted.Call)];
        return new SessionResponse
        {
            Id = trajectory.Id,
            RolloutId = trajectory.RolloutId,
            GroupId = trajectory.GroupId,
            TaskId = trajectory.Task.Id,
            SampleIndex = trajectory.SampleIndex,
            State = SessionState.Ended,
            Status = trajectory.Status,
            Turns = calls.Select(call => call.Turn).DefaultIfEmpty().Max(),
            Running = 0,
            Sequences = trajectory.Sequences.Count,
            Drift = CaptureDrift.Of(calls),
            Rewards = trajectory.RewardComponents,
        };
    }
}
