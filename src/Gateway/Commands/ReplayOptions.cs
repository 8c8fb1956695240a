using System.CommandLine;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway.Commands;

/// <summary>The options that say where trajectories come from, and what they are replayed with.</summary>
internal sealed class ReplayOptions
{
    private const string NoSandbox = "none";

    private readonly Option<string?> _config = OptionFactory.Text("--config", "FILE", "Settings of a server: its database, model, weights, tools and plugins.");
    private readonly Option<string?> _model = OptionFactory.Text("--model", "DIR", "Folder of the model. Default: that of the settings, else the shipped models/tiny-agent.");
    private readonly Option<string?> _url = OptionFactory.Text("--url", "URL", "Takes trajectories from this running server. Default: from the database of the settings.");
    private readonly Option<string?> _apiKey = OptionFactory.Text("--api-key", "KEY", "The server's key. Default: the variable AGENTROLLOUT_API_KEY.");
    private readonly Option<long?> _threads = OptionFactory.OptionalInteger("--threads", "Threads of the engine; 0 for one per processor. Default: by the settings.", 0, 1_024);
    private readonly Option<string> _sandbox = OptionFactory.Choice(
        "--sandbox", "Runs sandboxed tools with this runtime, where the settings do not say.", [NoSandbox, .. OptionFactory.WordsOf<SandboxRuntimeKind>()]);
    private readonly Option<string?> _plugins = OptionFactory.Text("--plugins", "DIR", "Folder of plugins. Default: by the settings, else plugins beside the program, if there.");

    public IEnumerable<Option> All => [_config, _model, _url, _apiKey, _threads, _sandbox, _plugins];

    public ReplaySettings ReadSettings(ParseResult parsed)
    {
        GatewayOptions options = parsed.GetValue(_config) is { } file ? GatewayOptionsFile.Read(file) : new GatewayOptions();
        string? model = parsed.GetValue(_model);
        options.Model = model ?? options.Model;
        if (parsed.GetValue(_threads) is { } threads)
            options.Engine.Threads = (int)threads;
        if (parsed.GetRequiredValue(_sandbox) is var word && word != NoSandbox)
            options.Sandbox ??= new SandboxSettings { Runtime = StatusText.Parse<SandboxRuntimeKind>(word) };
        GatewayOptionsFile.Check(options);
        return new ReplaySettings(options, PluginFolder.Find(parsed.GetValue(_plugins) ?? options.Plugins, parsed.GetValue(_config)), model is not null);
    }

    /// <summary>Where the trajectories of a file or a server are.</summary>
    public TrajectorySource ReadSource(ParseResult parsed, ReplaySettings settings)
    {
        string? url = parsed.GetValue(_url);
        return url is null || (Uri.TryCreate(url, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https")
            ? new TrajectorySource(settings.Options.Database, url, parsed.GetValue(_apiKey) ?? Environment.GetEnvironmentVariable("AGENTROLLOUT_API_KEY"))
            : throw CommandException.Usage($"Option '--url' is '{url}'; it must be an http or https address, such as {GatewayOptions.DefaultUrl}.");
    }
}
