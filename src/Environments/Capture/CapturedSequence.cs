using System.Text.Json;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Capture;

/// <summary>One sequence of a session: its tokens, the conversation that they are, and the places where both can go on. Owned by its session.</summary>
internal sealed class CapturedSequence(int index, SequenceOrigin origin)
{
    private readonly List<SequencePoint> _points = [];

    public int Index => index;

    public IReadOnlyList<FunctionSchema> Tools => origin.Tools;

    public TokenSequence Tokens { get; } = new(origin.StartedBecause);

    /// <summary>The conversation as the client reads and sends it, calls under the ids of the trajectory.</summary>
    public List<ChatMessage> Messages { get; } = [];

    /// <summary>The same as the template writes it, which differs where an answer could not be read.</summary>
    public List<ChatMessage> Record { get; } = [];

    /// <summary>Whether a turn is being sampled behind it.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Where it can go on, or be shared up to, in order; never empty.</summary>
    public IReadOnlyList<SequencePoint> Points => _points;

    /// <summary>Whether a call offers the same tools to the same template.</summary>
    public bool HasSettingsOf(CapturedCall call) => HasToolsOf(call) && HasArgumentsOf(call.TemplateArguments);

    /// <summary>Whether a call offers the same tools.</summary>
    public bool HasToolsOf(CapturedCall call) => Tools.Count == call.Tools.Count && Tools.Zip(call.Tools).All(pair =>
        pair.First.Name == pair.Second.Name && pair.First.Description == pair.Second.Description
        && JsonElement.DeepEquals(pair.First.Parameters, pair.Second.Parameters));

    /// <summary>Takes what a call adds.</summary>
    /// <param name="prompted">The call.</param>
    /// <param name="parent">The sequence whose beginning it takes; null for none.</param>
    public void Append(TurnPrompted prompted, CapturedSequence? parent)
    {
        PromptedCall call = prompted.Call;
        prompted.AppendTo(Tokens, parent is null ? [] : parent.Tokens.Tokens[..call.Origin!.KeptTokens]);
        if (parent is not null)
        {
            Messages.AddRange(parent.Messages.Take(call.Origin!.KeptMessages));
            Record.AddRange(parent.Record.Take(call.Origin.KeptMessages));
        }

        Messages.AddRange(call.Messages);
        Record.AddRange(call.Messages);
        _points.Add(new SequencePoint(call.Turn, Messages.Count, Tokens.Count, AwaitsAnswer: true, ClosedBy: null));
    }

    /// <summary>Takes the tokens of a turn.</summary>
    public void Append(TurnSampled turn)
    {
        foreach (TokenChunk chunk in turn.ToChunks())
        {
            ReadOnlySpan<float> sampling = chunk.SamplingLogprobs is { } given ? given.Span : default;
            ReadOnlySpan<float> raw = chunk.Missing.HasFlag(MissingLogprobs.Raw) ? default : chunk.Logprobs.Span;
            Tokens.AppendSampled(turn.Turn, chunk.Tokens.Span, raw, chunk.WeightVersion, sampling, SampledRun.NameOf(chunk.Finish));
        }
    }

    /// <summary>Takes what a turn says, once its tokens are there.</summary>
    /// <param name="number">The turn.</param>
    /// <param name="shown">What the client reads.</param>
    /// <param name="read">What the tokens say.</param>
    public void Append(int number, ChatMessage shown, SampledTurn read)
    {
        Messages.Add(WithIdsOf(shown, read));
        Record.Add(read.Message);
        _points.Add(new SequencePoint(number, Messages.Count, Tokens.Count, AwaitsAnswer: false, read.ClosedBy));
    }

    /// <summary>Clients read the calls whose function could be read, in their order.</summary>
    private static ChatMessage WithIdsOf(ChatMessage shown, SampledTurn read) => shown.ToolCalls is not { } calls
        ? shown
        : shown with { ToolCalls = [.. calls.Zip(read.Calls.Where(call => call.Parsed.Name is not null), (call, own) => call with { Id = own.Id })] };

    private bool HasArgumentsOf(IReadOnlyDictionary<string, JsonElement>? arguments)
    {
        IReadOnlyDictionary<string, JsonElement>? own = origin.TemplateArguments;
        return (own?.Count ?? 0) == (arguments?.Count ?? 0)
            && (own ?? new Dictionary<string, JsonElement>()).All(pair => arguments!.TryGetValue(pair.Key, out JsonElement value) && JsonElement.DeepEquals(pair.Value, value));
    }
}

/// <summary>A place of a sequence at which its first messages are its first tokens.</summary>
/// <param name="Turn">The turn that was prompted, or that ends there.</param>
/// <param name="Messages">How many messages.</param>
/// <param name="Tokens">How many tokens.</param>
/// <param name="AwaitsAnswer">Whether an answer is to follow, rather than a message.</param>
/// <param name="ClosedBy">The end token that the answer before it sampled; null where there is none.</param>
internal readonly record struct SequencePoint(int Turn, int Messages, int Tokens, bool AwaitsAnswer, int? ClosedBy);
