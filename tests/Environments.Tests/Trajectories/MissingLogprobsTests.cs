using System.Text;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Tests.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

public sealed class MissingLogprobsTests
{
    private readonly MemoryJournal _journal = new();

    [Theory]
    [InlineData(MissingLogprobs.Raw)]
    [InlineData(MissingLogprobs.Sampling)]
    [InlineData(MissingLogprobs.Raw | MissingLogprobs.Sampling)]
    public async Task What_an_engine_does_not_report_is_null_and_said_in_the_audit(MissingLogprobs missing)
    {
        Trajectory trajectory = await PlayAsync(missing, new SamplingParams(Temperature: 0.7f));

        (bool lacksRaw, bool lacksSampling) = (missing.HasFlag(MissingLogprobs.Raw), missing.HasFlag(MissingLogprobs.Sampling));
        Assert.Equal((string[])[.. lacksRaw ? ["raw"] : (string[])[], .. lacksSampling ? ["sampling"] : (string[])[]], trajectory.Audit.MissingLogprobs);
        TrajectorySequence sequence = trajectory.Sequences.Single();
        Assert.All(sequence.LossMask.Index().Where(token => token.Item == 1), token =>
            Assert.Equal((lacksRaw, lacksSampling), (sequence.Logprobs[token.Index] is null, sequence.SamplingLogprobs![token.Index] is null)));
        Assert.True(trajectory.Audit.Passes);
        Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
        string json = TrajectoryJson.Serialize(trajectory);
        Assert.Equal(json, TrajectoryJson.Serialize(TrajectoryJson.Deserialize(Encoding.UTF8.GetBytes(json))));

        // Without the audit's word a null is a damaged record.
        Trajectory silent = trajectory with { Audit = trajectory.Audit with { MissingLogprobs = null } };
        Assert.Contains("has no log-probability", TrajectoryAuditor.FindProblem(silent), StringComparison.Ordinal);
        Trajectory odd = trajectory with { Audit = trajectory.Audit with { MissingLogprobs = ["raw", "sampling", "other"] } };
        Assert.Contains("'other'", TrajectoryAuditor.FindProblem(odd), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MissingLogprobs.Raw)]
    [InlineData(MissingLogprobs.Sampling)]
    public async Task Journal_and_record_keep_what_is_missing(MissingLogprobs missing)
    {
        Trajectory whole = await PlayAsync(missing, new SamplingParams(Temperature: 0.7f));
        string json = TrajectoryJson.Serialize(whole);
        byte[] record = TrajectoryRecord.WithoutTokens(whole);
        Assert.Equal(json, TrajectoryJson.Serialize(TrajectoryRecord.Join(record, _journal.Read("r-0-0").SelectMany(entry => entry.Events))));
        Assert.Equal(json, TrajectoryJson.Serialize(TrajectoryRecord.Join(record, JournalEvents.Of(whole))));

        for (int cut = 0; cut <= _journal.Read("r-0-0").Count; cut++)
        {
            Trajectory resumed = await PlayAsync(missing, new SamplingParams(Temperature: 0.7f), _journal.CutAt((_, _) => cut));
            Assert.Equal(whole.Digest, resumed.Digest);
            Assert.Equal(whole.Audit.MissingLogprobs, resumed.Audit.MissingLogprobs);
        }
    }

    [Fact]
    public async Task Where_all_are_there_the_audit_does_not_speak_of_it()
    {
        Trajectory trajectory = await PlayAsync(MissingLogprobs.None, SamplingParams.Default);
        Assert.Null(trajectory.Audit.MissingLogprobs);
        Assert.DoesNotContain("missing_logprobs", TrajectoryJson.Serialize(trajectory), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_watches_gets_no_log_probabilities_where_there_are_none()
    {
        List<TokensSampled> seen = [];
        using TestPolicy policy = Policy(MissingLogprobs.Raw);
        await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"), sampling: new SamplingParams(0.7f), progress: new TokenProgress(seen.Add));
        Assert.NotEmpty(seen);
        Assert.All(seen, tokens => Assert.Empty(tokens.Logprobs));
    }

    private async Task<Trajectory> PlayAsync(MissingLogprobs missing, SamplingParams sampling, MemoryJournal? from = null)
    {
        using TestPolicy policy = Policy(missing);
        IReadOnlyList<JournalEntry> recorded = from?.Read("r-0-0") ?? [];
        return await policy.PlayAsync(TestEnvironment.Expecting("6", "echo"), sampling: sampling, journal: from ?? _journal, recorded: recorded);
    }

    /// <summary>Answers by how far the conversation is, so that a resumed one gets the same.</summary>
    private static TestPolicy Policy(MissingLogprobs missing) => TestPolicy.Answering([TestTool.Echo], new ScriptedEngine(request =>
        TestPolicy.Say(TestPolicy.Format.Tokenizer.Decode(request.Tokens.Span).Split("<|im_start|>assistant").Length > 2 ? "6" : TestTool.Call("echo", "3")) with { Missing = missing }));
}
