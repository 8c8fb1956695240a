using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>SGLang's native protocol.</summary>
internal sealed record SglangSettings
{
    /// <summary>Whether it is spoken. Default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>What its paths begin with, such as <c>/sglang</c>. Default nothing.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>The only port of <c>urls</c> that speaks it. Default null: all do.</summary>
    [Range(1, 65_535)]
    public int? Port { get; set; }

    /// <summary>Whether the pieces of a stream hold what is new, in place of all there is so far: the server's flag of that name there. Default false.</summary>
    public bool IncrementalStreamingOutput { get; set; }
}
