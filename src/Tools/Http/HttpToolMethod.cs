namespace AgentRollout.Tools.Http;

/// <summary>How the arguments of a call travel: in the query of <see cref="Get"/> and <see cref="Delete"/>, else as a JSON body.</summary>
public enum HttpToolMethod
{
    /// <summary>Not repeated unless asked for.</summary>
    Post,

    /// <summary>Idempotent.</summary>
    Get,

    /// <summary>Idempotent.</summary>
    Put,

    /// <summary>Not repeated unless asked for.</summary>
    Patch,

    /// <summary>Idempotent.</summary>
    Delete,
}
