using System.CommandLine;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout rollout</c>: plays tasks without a server.</summary>
internal static class RolloutCommand
{
    private const int MaxCount = 1_000_000;
    private const int MaxWarm = 8;
    private const string NoSandbox = "none";

    public static Command Create(Terminal terminal)
    {
        Option<string> environment = new("--environment") { Description = "The environment to play.", HelpName = "NAME", Required = true };
        Option<string?> tasks = OptionFactory.Text("--tasks", "FILE", "Tasks as lines of JSON. Default: generated ones.");
        Option<long?> count = OptionFactory.OptionalInteger("--count", "How many tasks are generated. Default 8.", 1, MaxCount);
        Option<long?> offset = OptionFactory.OptionalInteger(
            "--offset", "Number of the first generated task. Default 0.", 0, StartRolloutRequest.MaxSeed);
        Option<string> split = OptionFactory.Choice("--split", "Which tasks are generated.", "train", "test");
        Option<long> samples = OptionFactory.Integer("--samples", "Trajectories per task.", 1, 1, 4_096);
        Option<long> seed = OptionFactory.Integer("--seed", "Seed of the sampling.", 0, 0, StartRolloutRequest.MaxSeed);
        Option<string?> output = OptionFactory.Text("--out", "FILE", "Writes trajectories as lines of JSON.");
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the model. Default: the shipped models/tiny-agent.");
        Option<string?> rewardModel = OptionFactory.Text("--reward-model", "DIR", "Folder of a classifier with one output, whose score is added to the rewards.");
        Option<float> temperature = OptionFactory.Number(
            "--temperature", "Divides the logits; 0 takes the most likely token.", 1, value => value is >= 0 and <= 100, "from 0 to 100");
        Option<long> topK = OptionFactory.Integer("--top-k", "Keeps the k most likely tokens; 0 keeps all.", 0, 0, int.MaxValue);
        Option<float> topP = OptionFactory.Number(
            "--top-p", "Keeps the most likely tokens up to this probability.", 1, value => value is > 0 and <= 1, "above 0 and at most 1");
        Option<float> minP = OptionFactory.Number(
            "--min-p", "Drops tokens less likely than this share of the best.", 0, value => value is >= 0 and < 1, "from 0 to below 1");
        Option<float> repetitionPenalty = OptionFactory.Number(
            "--repetition-penalty", "Makes tokens that the sequence has less likely; 1 does not.", 1, value => value is > 0 and <= 10, "above 0 and at most 10");
        Option<float> frequencyPenalty = OptionFactory.Number(
            "--frequency-penalty", "Taken from a logit for every time that the turn has the token.", 0, value => value is >= -10 and <= 10, "from -10 to 10");
        Option<float> presencePenalty = OptionFactory.Number(
            "--presence-penalty", "Taken from a logit once the turn has the token.", 0, value => value is >= -10 and <= 10, "from -10 to 10");
        Option<long> minNewTokens = OptionFactory.Integer(
            "--min-new-tokens", "A turn does not end before it has this many tokens.", 0, 0, int.MaxValue);
        Option<IReadOnlyDictionary<int, float>?> logitBias = OptionFactory.NumbersById(
            "--logit-bias", "Added to the logit of a token id, from -100 to 100; may be given for several.", value => value is >= -100 and <= 100, "from -100 to 100");
        RolloutLimitOptions limits = new();
        Option<string> history = OptionFactory.Choice(
            "--history", "Where the template rewrites earlier turns: keep what was sampled, or go on in a new sequence.", OptionFactory.WordsOf<HistoryPolicy>());
        Option<string> mask = OptionFactory.Choice("--mask", "Which sampled tokens keep loss mask 1.", OptionFactory.WordsOf<MaskPolicy>());
        Option<string?> toolCallParser = OptionFactory.Text(
            "--tool-call-parser", "NAME", "The form of tool calls (docs/tool-calls.md). Default: the one that the chat template writes.");
        Option<string> contentEncoding = OptionFactory.Choice(
            "--content-encoding", "What becomes of message text that spells a control token.", OptionFactory.WordsOf<ContentEncoding>());
        Option<string> sandbox = OptionFactory.Choice(
            "--sandbox", "Offers sandboxed tools and the environment code, with this runtime.", [NoSandbox, .. OptionFactory.WordsOf<SandboxRuntimeKind>()]);
        Option<string?> plugins = OptionFactory.Text("--plugins", "DIR", "Folder of plugins (docs/plugins.md). Default: plugins beside the program, if there.");
        Option<string?> config = OptionFactory.Text(
            "--config", "FILE", "Settings as of serve, of which the tools are used: http_tools, mcp_servers, verl_tools and plugins.");
        Option<string[]> tools = new("--tools")
        {
            Description = "The tools that trajectories may call. Default: the environment's.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<long> concurrency = OptionFactory.Integer("--concurrency", "Most trajectories in play at once.", 32, 1, 10_000);
        Option<long> threads = OptionFactory.Integer("--threads", "Threads of the engine; 0 for one per processor.", 0, 0, 1_024);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object on the last line." };

        Command command = new("rollout", "Plays tasks without a server.")
        {
            environment, tasks, count, offset, split, samples, seed, output, model, rewardModel,
            temperature, topK, topP, minP, repetitionPenalty, frequencyPenalty, presencePenalty, logitBias, minNewTokens,
            history, mask, toolCallParser, contentEncoding, sandbox, plugins, config, tools, concurrency, threads, json,
        };
        foreach (Option option in limits.All)
            command.Add(option);
        command.SetAction((parsed, cancellationToken) =>
        {
            RolloutTaskSource source = new(
                parsed.GetValue(tasks), parsed.GetValue(count), parsed.GetValue(offset), parsed.GetRequiredValue(split));
            if (source.File is not null && (source.Count ?? source.Offset) is not null)
                throw CommandException.Usage("Options '--count' and '--offset' are about generated tasks and do not go with '--tasks'.");
            GatewayOptions settings = parsed.GetValue(config) is { } file ? GatewayOptionsFile.Read(file) : new GatewayOptions();
            return new RolloutRun(terminal, new RolloutRunOptions
            {
                Environment = parsed.GetRequiredValue(environment),
                Tasks = source,
                Samples = (int)parsed.GetValue(samples),
                Seed = parsed.GetValue(seed),
                Output = parsed.GetValue(output),
                Model = parsed.GetValue(model),
                RewardModel = parsed.GetValue(rewardModel),
                Sampling = new SamplingParams(
                    parsed.GetValue(temperature), (int)parsed.GetValue(topK), parsed.GetValue(topP), parsed.GetValue(minP))
                {
                    RepetitionPenalty = parsed.GetValue(repetitionPenalty),
                    FrequencyPenalty = parsed.GetValue(frequencyPenalty),
                    PresencePenalty = parsed.GetValue(presencePenalty),
                    LogitBias = parsed.GetValue(logitBias),
                    MinNewTokens = (int)parsed.GetValue(minNewTokens),
                },
                Limits = limits.Read(parsed),
                History = StatusText.Parse<HistoryPolicy>(parsed.GetRequiredValue(history)),
                Mask = StatusText.Parse<MaskPolicy>(parsed.GetRequiredValue(mask)),
                Chat = new ChatFormatOptions
                {
                    ContentEncoding = StatusText.Parse<ContentEncoding>(parsed.GetRequiredValue(contentEncoding)),
                    ToolCallParser = parsed.GetValue(toolCallParser),
                },
                Sandbox = SandboxOf(parsed.GetRequiredValue(sandbox), (int)parsed.GetValue(concurrency)),
                Plugins = PluginFolder.Find(parsed.GetValue(plugins) ?? settings.Plugins, parsed.GetValue(config)),
                Settings = settings,
                Tools = parsed.GetValue(tools) is { Length: > 0 } names ? [.. names.Distinct()] : null,
                Concurrency = (int)parsed.GetValue(concurrency),
                Threads = (int)parsed.GetValue(threads),
                Json = parsed.GetValue(json),
            }).RunAsync(cancellationToken);
        });
        return command;
    }

    private static SandboxSettings? SandboxOf(string word, int concurrency) => word == NoSandbox
        ? null
        : new SandboxSettings { Runtime = StatusText.Parse<SandboxRuntimeKind>(word), Warm = Math.Min(concurrency, MaxWarm) };
}
