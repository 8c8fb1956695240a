using System.CommandLine;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Samples.Demonstrations;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Search;

var count = new Option<int>("--count") { Description = "Episodes of each environment.", DefaultValueFactory = _ => 30_000 };
var mistakes = new Option<double>("--mistakes") { Description = "Probability of a mistake in an episode.", DefaultValueFactory = _ => 0.3 };
var seed = new Option<int>("--seed") { Description = "Of tasks and mistakes.", DefaultValueFactory = _ => 1 };
var file = new Option<FileInfo>("--out") { Description = "JSON lines to write.", Required = true };
var heldOut = new Option<FileInfo?>("--held-out") { Description = "JSON lines to write with 500 test tasks of each environment." };
var command = new RootCommand("Plays the built-in environments under a scripted expert of mixed quality, from the train split.") { count, mistakes, seed, file, heldOut };

command.SetAction(async (options, cancellationToken) =>
{
    int chosenSeed = options.GetValue(seed);
    double rate = options.GetValue(mistakes);
    var random = new Random(chosenSeed);
    if (options.GetValue(heldOut) is { } tasks)
        HeldOutTasks.Write(tasks, (ulong)chosenSeed, [ArithmeticEnvironment.Definition, LookupEnvironment.Definition]);
    using LocalIndexSearch index = LookupFacts.OpenIndex();
    DemonstrationWriter arithmetic = new(ArithmeticEnvironment.Definition, CalculatorTool.Create(), new ArithmeticExpert(random, rate, (ulong)chosenSeed));
    DemonstrationWriter lookup = new(LookupEnvironment.Definition, LookupFacts.CreateSearchTool(index), new LookupExpert(random, rate, (ulong)chosenSeed));
    await using (StreamWriter output = options.GetRequiredValue(file).CreateText())
    {
        for (long i = 0; i < options.GetValue(count); i++)
        {
            await arithmetic.WriteAsync((ulong)chosenSeed, i, output, cancellationToken);
            await lookup.WriteAsync((ulong)chosenSeed, i, output, cancellationToken);
        }
    }

    await Console.Out.WriteLineAsync($"mean reward: arithmetic {arithmetic.MeanReward:F3}, lookup {lookup.MeanReward:F3}");
});
return await command.Parse(args).InvokeAsync();
