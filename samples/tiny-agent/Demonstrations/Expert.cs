namespace AgentRollout.Samples.Demonstrations;

/// <summary>
/// A scripted agent of mixed quality: asks its tool once, then answers. With probability <c>mistakes</c> it makes one believable mistake,
/// so that a model which imitates it has something left to learn from rewards.
/// </summary>
internal abstract class Expert(Random random, double mistakes)
{
    protected Random Random { get; } = random;

    /// <summary>What to do in task number <paramref name="index"/> of the train split.</summary>
    public abstract Plan Begin(long index);

    protected bool Errs() => Random.NextDouble() < mistakes;
}

/// <summary>What the expert will do in one episode.</summary>
/// <param name="ToolArgument">What it asks the tool.</param>
/// <param name="Answer">How it answers once it has read the tool's result.</param>
internal sealed record Plan(string ToolArgument, Func<string, string> Answer);
