using AgentRollout.RolloutEngine.Cache;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Cache;

public sealed class PrefixCacheTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Random_use_finds_the_longest_known_beginning_and_loses_no_page()
    {
        for (int seed = 0; seed < 40; seed++)
            UseAtRandom(new Random(seed));
    }

    [Fact]
    public void A_page_that_goes_on_otherwise_is_matched_up_to_where_it_does()
    {
        PrefixCache cache = Create(pages: 10);
        Remember(cache, Range(0, 40));
        Assert.Equal(new PrefixMatch(Match(cache, Range(0, 37)).Page, 2, Match(cache, Range(0, 37)).PartialPage, 5), Match(cache, Range(0, 37)));
        Assert.Equal(7, Match(cache, [.. Range(0, 7), 99, 98]).Tokens);
        Assert.Equal(0, Match(cache, [5, 6]).Tokens);
    }

    [Fact]
    public void The_page_used_longest_ago_goes_first_and_a_beginning_after_what_follows_it()
    {
        PrefixCache cache = Create(pages: 6);
        Remember(cache, Range(0, 48));
        Remember(cache, Range(1000, 48));
        Assert.Equal(48, Match(cache, Range(0, 48)).Tokens);
        Remember(cache, Range(0, 48));

        Remember(cache, Range(2000, 16));
        Assert.Equal((48, 32), (Match(cache, Range(0, 48)).Tokens, Match(cache, Range(1000, 48)).Tokens));
        Assert.Equal(1, cache.Evictions);
    }

    [Fact]
    public void Leased_pages_outlast_cached_ones_until_their_time_is_up()
    {
        PrefixCache cache = Create(pages: 4, leaseSeconds: 10);
        Remember(cache, Range(0, 32), leaseKey: "waiting");
        Remember(cache, Range(100, 32));
        Remember(cache, Range(200, 32));
        Assert.Equal((2, 32, 0), (cache.Leased, Match(cache, Range(0, 32)).Tokens, Match(cache, Range(100, 32)).Tokens));

        _time.Advance(TimeSpan.FromSeconds(10));
        cache.EndExpiredLeases();
        Assert.Equal((0, 4), (cache.Leased, cache.Cached));
        Remember(cache, Range(300, 64));
        Assert.Equal(0, Match(cache, Range(0, 32)).Tokens);
    }

    [Fact]
    public void Where_only_leases_are_left_the_one_that_returns_last_is_given_up_unless_another_is_overdue()
    {
        PrefixCache cache = Create(pages: 4, leaseSeconds: 1000);
        Lease("a", 0, wait: 1);
        Lease("b", 100, wait: 1);
        Remember(cache, Range(200, 16));
        Assert.Equal((32, 16), (Match(cache, Range(0, 32)).Tokens, Match(cache, Range(100, 32)).Tokens));

        // Waits turn out to take a second, and 'a' has been away for long.
        PrefixCache other = cache = Create(pages: 4, leaseSeconds: 1000);
        Lease("c", 300, wait: 1);
        PageTable returning = new();
        returning.Reserve(4);
        other.Attached(other.Attach(returning, Range(300, 32)), "c");
        other.Release(returning, Range(300, 32), leaseKey: null);
        Lease("a", 0, wait: 50);
        Lease("b", 100, wait: 1);
        Remember(other, Range(200, 16));
        Assert.Equal((16, 32), (Match(other, Range(0, 32)).Tokens, Match(other, Range(100, 32)).Tokens));

        void Lease(string key, int first, int wait)
        {
            Remember(cache, Range(first, 32), key);
            _time.Advance(TimeSpan.FromSeconds(wait));
        }
    }

    [Fact]
    public void What_led_to_a_failure_is_forgotten_except_where_others_use_it()
    {
        PrefixCache cache = Create(pages: 10);
        Remember(cache, Range(0, 16));
        PageTable failing = Compute(cache, Range(0, 64));
        PageTable sharing = Compute(cache, Range(0, 32));
        cache.Discard(failing);
        Assert.Equal(32, Match(cache, Range(0, 64)).Tokens);
        cache.Release(sharing, Range(0, 32), leaseKey: null);
        cache.CheckIntegrity([]);
    }

    [Fact]
    public void Switched_off_it_remembers_nothing()
    {
        PrefixCache cache = Schedulers.Cache(4, new EngineOptions { PrefixCache = false });
        Remember(cache, Range(0, 40), leaseKey: "key");
        Assert.Equal((4, 0), (cache.Free, Match(cache, Range(0, 40)).Tokens));
    }

    private void UseAtRandom(Random random)
    {
        PrefixCache cache = Create(pages: random.Next(4, 30), leaseSeconds: 50);
        List<(PageTable Table, int[] Tokens)> running = [];
        for (int i = 0; i < 400; i++)
        {
            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 60)).Select(place => place % 16 < 14 ? 0 : random.Next(3))];
            if (random.Next(2) == 0 && PagePool.PagesFor(tokens.Length) <= cache.Available)
                running.Add((Compute(cache, tokens), tokens));
            if (running.Count > 0 && random.Next(2) == 0)
            {
                (PageTable table, int[] computed) = running[random.Next(running.Count)];
                running.RemoveAll(entry => entry.Table == table);
                if (random.Next(8) == 0)
                    cache.Discard(table);
                else
                    cache.Release(table, computed, random.Next(2) == 0 ? $"{random.Next(5)}" : null);
                Assert.Equal(0, table.Count);
            }

            _time.Advance(TimeSpan.FromSeconds(random.Next(5)));
            cache.EndExpiredLeases();
            cache.CheckIntegrity(running.Select(entry => entry.Table));
            if (running.Count > 0)
            {
                (PageTable table, int[] computed) = running[random.Next(running.Count)];
                Assert.InRange(Match(cache, computed).Tokens, table.Shared * PagePool.PageTokens, computed.Length);
            }
        }
    }

    private PrefixCache Create(int pages, double leaseSeconds = 1000) =>
        Schedulers.Cache(pages, new EngineOptions { LeaseSeconds = leaseSeconds }, _time);

    private static int[] Range(int first, int count) => [.. Enumerable.Range(first, count)];

    private static PrefixMatch Match(PrefixCache cache, int[] tokens)
    {
        PageTable table = new();
        table.Reserve(100);
        PrefixMatch match = cache.Attach(table, tokens);
        cache.Release(table, tokens.AsSpan(0, match.PageCount * PagePool.PageTokens), leaseKey: null);
        return match;
    }

    private static PageTable Compute(PrefixCache cache, int[] tokens)
    {
        PageTable table = new();
        table.Reserve(100);
        cache.Attached(cache.Attach(table, tokens), null);
        while (table.Count < PagePool.PagesFor(tokens.Length))
            table.Add(cache.Take());
        cache.Publish(table, tokens);
        return table;
    }

    private static void Remember(PrefixCache cache, int[] tokens, string? leaseKey = null) => cache.Release(Compute(cache, tokens), tokens, leaseKey);
}
