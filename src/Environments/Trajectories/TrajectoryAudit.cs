using System.Text.Json.Serialization;
using AgentRollout.Tokenization.Chat.Drift;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The machine-checkable claims that a trajectory carries about itself.</summary>
/// <param name="TokenExact">Every sampled token is the very id that the engine reported, at the position it was sampled for.</param>
/// <param name="MaskExact">Mask 1, a log-probability and source <c>sampled</c> come together, and nowhere else.</param>
/// <param name="Template"><c>consistent</c> where the template renders the messages to the text of the tokens, else the kind of the first difference.</param>
/// <param name="FirstDifference">Where the two texts part, or null.</param>
/// <param name="MissingLogprobs">
/// <c>raw</c>, <c>sampling</c> or both, where an engine that is not this project's does not report log-probabilities of that distribution, so that some
/// of sampled tokens are null; null where all are there.
/// </param>
public sealed record TrajectoryAudit(
    bool TokenExact,
    bool MaskExact,
    string Template,
    TemplateDifference? FirstDifference,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? MissingLogprobs = null)
{
    public const string Consistent = "consistent";

    /// <summary>In <see cref="MissingLogprobs"/>: those of the raw distribution.</summary>
    public const string Raw = "raw";

    /// <summary>In <see cref="MissingLogprobs"/>: those of the distribution sampled from.</summary>
    public const string Sampling = "sampling";

    /// <summary>True where tokens and mask are exact; a template difference is reported, and is not a failure.</summary>
    public bool Passes => TokenExact && MaskExact;

    /// <summary>Whether log-probabilities of a distribution may be null for sampled tokens.</summary>
    internal bool Lacks(string distribution) => MissingLogprobs?.Contains(distribution) == true;

    /// <summary>The words for what engines did not report; null where there is nothing.</summary>
    internal static IReadOnlyList<string>? Name(RolloutEngine.MissingLogprobs missing) => missing switch
    {
        RolloutEngine.MissingLogprobs.None => null,
        RolloutEngine.MissingLogprobs.Raw => [Raw],
        RolloutEngine.MissingLogprobs.Sampling => [Sampling],
        _ => [Raw, Sampling],
    };
}

/// <summary>The first place at which decode(tokens) and template(messages) differ.</summary>
/// <param name="Sequence">Index of the sequence.</param>
/// <param name="Position">Token position in the sequence.</param>
/// <param name="Tokens">Text of the tokens from there, at most 40 characters.</param>
/// <param name="Template">Text of the template from there, at most 40 characters.</param>
/// <param name="Cause">Why they differ; null in trajectories of earlier versions.</param>
public sealed record TemplateDifference(
    int Sequence,
    int Position,
    string Tokens,
    string Template,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DriftCause? Cause = null);
