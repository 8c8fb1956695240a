using AgentRollout.RolloutEngine.Cache;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Cache;

public sealed class PagePoolTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(16, 1)]
    [InlineData(17, 2)]
    public void A_page_holds_sixteen_tokens(int tokens, int pages) => Assert.Equal(pages, PagePool.PagesFor(tokens));

    [Fact]
    public void Random_taking_and_returning_loses_and_doubles_no_page()
    {
        Random random = new(3);
        PagePool pool = new(37);
        HashSet<int> held = [];
        for (int i = 0; i < 5000; i++)
        {
            if (pool.Free > 0 && random.Next(2) == 0)
                Assert.True(held.Add(pool.Take()));
            else if (held.Count > 0)
            {
                int page = held.ElementAt(random.Next(held.Count));
                held.Remove(page);
                pool.Return(page);
            }

            pool.CheckIntegrity();
            Assert.Equal(held.Count, pool.InUse);
        }
    }

    [Fact]
    public void A_page_cannot_be_returned_twice_nor_taken_from_an_empty_pool()
    {
        PagePool pool = new(1);
        int page = pool.Take();
        Assert.Throws<InvalidOperationException>(() => pool.Take());
        pool.Return(page);
        Assert.Throws<InvalidOperationException>(() => pool.Return(page));
    }
}
