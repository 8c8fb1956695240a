using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway;
using AgentRollout.Gateway.Commands;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Playwright;
using Xunit;

[assembly: AssemblyFixture(typeof(AgentRollout.Page.Tests.PageFixture))]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace AgentRollout.Page.Tests;

/// <summary>One server and one Chromium for all tests. The server has played a rollout of <c>arithmetic</c> and one of <c>lookup</c>.</summary>
public sealed class PageFixture : IAsyncLifetime
{
    /// <summary>Long enough for a machine that is busy with other things.</summary>
    private const float Patience = 30_000;

    private LoadedModel? _model;
    private PageServer? _server;
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    internal LoadedModel Model => _model!;

    internal PageServer Server => _server!;

    internal IReadOnlyList<Trajectory> Arithmetic { get; private set; } = [];

    internal IReadOnlyList<Trajectory> Lookup { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        _model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        _server = await PageServer.StartAsync(Model);
        Arithmetic = await Server.PlayAsync("arithmetic", tasks: 6, samples: 4);
        Lookup = await Server.PlayAsync("lookup", tasks: 3, samples: 4);
    }

    /// <summary>A tab of its own, whose errors and refusals by the page's policy are collected.</summary>
    internal async Task<TestPage> OpenAsync(string path, ColorScheme scheme = ColorScheme.Light, PageServer? server = null)
    {
        IBrowserContext context = await (await BrowserAsync()).NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = 1_280, Height = 860 },
        });
        context.SetDefaultTimeout(Patience);
        IPage page = await context.NewPageAsync();
        TestPage opened = new(context, page);
        await page.GotoAsync((server ?? Server).Url + path);
        return opened;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
        if (_model is not null)
            await _model.DisposeAsync();
    }

    private async Task<IBrowser> BrowserAsync()
    {
        if (_browser is not null)
            return _browser;
        string path = Environment.GetEnvironmentVariable("AGENTROLLOUT_CHROMIUM") ?? "/usr/bin/chromium";
        if (!File.Exists(path))
            SharedFiles.Missing($"'{path}' is not on this machine: apt-get install chromium, or name one in AGENTROLLOUT_CHROMIUM.");
        Assertions.SetDefaultExpectTimeout(Patience);
        _playwright = await Playwright.CreateAsync();
        // As root, Chromium starts only without its sandbox; it loads nothing but this server's page.
        return _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            Args = ["--no-sandbox", "--disable-dev-shm-usage"],
        });
    }
}
