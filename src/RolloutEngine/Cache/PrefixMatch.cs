namespace AgentRollout.RolloutEngine.Cache;

/// <summary>What the cache knows of a sequence's beginning.</summary>
/// <param name="Page">The deepest page that can be shared as it is; <see cref="PrefixTree.Root"/> where there is none.</param>
/// <param name="PageCount">Pages from the root down to it.</param>
/// <param name="PartialPage">A page whose first tokens go on with it and which must be copied, since the sequence goes on otherwise.</param>
/// <param name="PartialTokens">How many; 0 where there is no such page.</param>
internal readonly record struct PrefixMatch(int Page, int PageCount, int PartialPage, int PartialTokens)
{
    public int Tokens => PageCount * PagePool.PageTokens + PartialTokens;
}
