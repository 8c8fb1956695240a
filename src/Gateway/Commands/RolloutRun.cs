using System.Runtime.InteropServices;
using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.ExternalTools;
using AgentRollout.Gateway.Plugins;
using AgentRollout.RolloutEngine;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>One run of <c>rollout</c>: loads the model while the bus starts, plays, stores, reports.</summary>
internal sealed class RolloutRun(Terminal terminal, RolloutRunOptions options)
{
    private readonly string _id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString("N");

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using SandboxParts? sandbox = await SandboxParts.OpenAsync(options.Sandbox, NullLoggerFactory.Instance, cancellationToken);
        using ILoggerFactory pluginLoggers = LoggerFactory.Create(AddConsole);
        PluginSet plugins = PluginSet.Load(options.Plugins, pluginLoggers);
        await using ServiceProvider services = new ServiceCollection()
            .AddLogging(AddConsole)
            .AddRolloutParts(_ => LookupFacts.OpenIndex(), sandbox, plugins)
            .AddConfiguredTools(options.Settings)
            .BuildServiceProvider();
        EnvironmentDefinition environment = FindEnvironment(services.GetRequiredService<EnvironmentCatalog>());
        (IEnumerable<RolloutTask> tasks, long taskCount) = await options.Tasks.ReadAsync(environment);

        ILoggerFactory loggers = services.GetRequiredService<ILoggerFactory>();
        EngineOptions engine = new() { Threads = options.Threads };
        await using ModelReward? reward = options.RewardModel is { } folder ? ModelReward.Load(ModelFolder.Find(folder), engine, loggers) : null;
        Task<LoadedModel> loading = LoadedModel.LoadAsync(ModelFolder.Find(options.Model), engine, loggers, options.Chat with { ToolCallFormats = plugins.ToolCallFormats });
        IHostedService[] hosted = [.. services.GetServices<IHostedService>()];
        foreach (IHostedService service in hosted)
            await service.StartAsync(cancellationToken);
        try
        {
            await using LoadedModel model = await loading;
            CheckContext(model.Policy);
            CheckTools(services.GetRequiredService<ToolCatalog>().Current, options.Tools ?? environment.Tools, tasks);
            if (options.Sampling.Problem(model.Policy.Engine.Model.VocabularySize) is { } problem)
                throw CommandException.Usage($"The sampling {problem}.");
            RolloutSpec spec = new()
            {
                Id = _id,
                Environment = environment,
                Tasks = tasks,
                Tools = options.Tools,
                SamplesPerTask = options.Samples,
                Sampling = options.Sampling,
                Limits = options.Limits,
                History = options.History,
                Mask = options.Mask,
                Seed = options.Seed,
            };
            return await PlayAsync(services, model.Policy, reward, spec, taskCount * options.Samples, cancellationToken);
        }
        finally
        {
            foreach (IHostedService service in hosted)
                await service.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>Standard output is the report's.</summary>
    internal static void AddConsole(ILoggingBuilder logging) => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddSimpleConsole()
        .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);

    private async Task<int> PlayAsync(
        ServiceProvider services, Policy policy, ModelReward? reward, RolloutSpec spec, long total, CancellationToken cancellationToken)
    {
        using RolloutRunner runner = new(
            new TrajectoryRunner(
                policy,
                services.GetRequiredService<ToolCatalog>(),
                services.GetRequiredService<IToolDispatcher>(),
                TimeProvider.System,
                services.GetRequiredService<ILogger<TrajectoryRunner>>(),
                reward),
            options.Concurrency);
        await using JsonlTrajectoryStore? store = options.Output is { } path ? JsonlTrajectoryStore.Create(path) : null;
        using CancellationTokenSource abort = new();
        using PosixSignalRegistration interrupt = AbortOn(PosixSignal.SIGINT, abort);
        using PosixSignalRegistration terminate = AbortOn(PosixSignal.SIGTERM, abort);

        RolloutProgress progress = new(TimeProvider.System);
        RolloutDisplay display = new(terminal.Console, progress, total);
        List<TrajectorySummary> summaries = [];
        await display.ShowAsync(async () =>
        {
            await foreach (Trajectory trajectory in runner.RunAsync(spec, progress, abort.Token, cancellationToken))
            {
                if (store is not null)
                    await store.AppendAsync(trajectory, cancellationToken);
                TrajectorySummary summary = TrajectorySummary.Of(trajectory);
                summaries.Add(summary);
                display.Count(summary);
            }
        });

        RolloutReport report = RolloutReport.Of(_id, summaries, progress.Elapsed, progress.FirstToken);
        RolloutTables.Write(terminal.Console, summaries, report);
        if (options.Json)
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(report.ToJson());
        return abort.IsCancellationRequested ? ExitCodes.Cancelled : report.Failed > 0 ? ExitCodes.Failure : ExitCodes.Success;
    }

    private EnvironmentDefinition FindEnvironment(EnvironmentCatalog environments)
    {
        try
        {
            return environments.Get(options.Environment);
        }
        catch (KeyNotFoundException exception)
        {
            throw CommandException.Usage(exception.Message);
        }
    }

    /// <summary>Checked once the servers that bring tools are started.</summary>
    private static void CheckTools(ToolSnapshot known, IReadOnlyList<string> names, IEnumerable<RolloutTask> tasks)
    {
        RegisteredTool[] offered =
            [.. names.Select(name => known.TryGet(name, out RegisteredTool? tool) ? tool : throw CommandException.Usage(known.Unknown(name)))];
        // Generated tasks tell tools nothing.
        foreach (RolloutTask task in tasks as IReadOnlyList<RolloutTask> ?? [])
            TaskToolArguments.Read(task, offered);
    }

    private void CheckContext(Policy policy)
    {
        int context = policy.Engine.Model.ContextLength;
        if (options.Limits.MaxTokens > context)
        {
            throw CommandException.Usage(
                $"Option '--max-tokens' is {options.Limits.MaxTokens}; model '{policy.Name}' has a context of {context} tokens.");
        }
    }

    /// <summary>The first signal keeps what was sampled; a second one ends the process as usual.</summary>
    private static PosixSignalRegistration AbortOn(PosixSignal signal, CancellationTokenSource abort) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = !abort.IsCancellationRequested;
            abort.Cancel();
        });
}
