using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>A chat protocol.</summary>
internal sealed record ChatDialectSettings
{
    /// <summary>Whether it is spoken. Default true.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>What its paths begin with, such as <c>/openai</c>. Default nothing.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>The only port of <c>urls</c> that speaks it. Default null: all do.</summary>
    [Range(1, 65_535)]
    public int? Port { get; set; }

    /// <summary>Whether the served model answers whatever model a client names. Default false: another name is answered 404.</summary>
    public bool AnyModel { get; set; }
}
