namespace AgentRollout.Tools;

/// <summary>Which part of a text that is too long is left out.</summary>
public enum Truncation
{
    /// <summary>The middle: beginning and end are kept.</summary>
    Middle,

    /// <summary>The beginning: the end is kept.</summary>
    Left,

    /// <summary>The end: the beginning is kept.</summary>
    Right,
}
