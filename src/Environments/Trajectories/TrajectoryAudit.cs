using System.Text.Json.Serialization;
using AgentRollout.Tokenization.Chat.Drift;

namespace AgentRollout.Environments.Trajectories;

/// <summary>The machine-checkable claims that a trajectory carries about itself.</summary>
/// <param name="TokenExact">Every sampled token is the very id that the engine reported, at the position it was sampled for.</param>
/// <param name="MaskExact">Mask 1, a log-probability and source <c>sampled</c> come together, and nowhere else.</param>
/// <param name="Template"><c>consistent</c> where the template renders the messages to the text of the tokens, else the kind of the first difference.</param>
/// <param name="FirstDifference">Where the two texts part, or null.</param>
public sealed record TrajectoryAudit(bool TokenExact, bool MaskExact, string Template, TemplateDifference? FirstDifference)
{
    public const string Consistent = "consistent";

    /// <summary>True where tokens and mask are exact; a template difference is reported, and is not a failure.</summary>
    public bool Passes => TokenExact && MaskExact;
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
