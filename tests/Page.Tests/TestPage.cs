using Microsoft.Playwright;
using Xunit;

namespace AgentRollout.Page.Tests;

/// <summary>A tab; closing it fails the test where the page broke or its policy refused something.</summary>
internal sealed class TestPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    public TestPage(IBrowserContext context, IPage tab)
    {
        (_context, Tab) = (context, tab);
        tab.PageError += (_, error) => _errors.Add(error);
        // A status of 400 or more is logged as an error too; the page says those in its own words.
        tab.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
                _errors.Add(message.Text);
        };
    }

    public IPage Tab { get; }

    public ILocator Find(string selector) => Tab.Locator(selector);

    public Task<string[]> TextsAsync(string selector) => Tab.EvaluateAsync<string[]>($"selector => [...document.querySelectorAll(selector)].map(element => element.innerText)", selector);

    public async ValueTask DisposeAsync()
    {
        await _context.CloseAsync();
        Assert.Empty(_errors);
    }
}
