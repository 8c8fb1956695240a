using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>How an engine elsewhere is reached, and what it does not say of itself.</summary>
public sealed record RemoteEngineOptions
{
    /// <summary>The engine's name in logs and errors. Default null: its protocol and address.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// A local folder with the model's <c>config.json</c>, which tells vocabulary, context and stop tokens. Default null: the server must tell them,
    /// which only this project's does.
    /// </summary>
    public string? ModelFolder { get; init; }

    /// <summary>The name under which a vLLM server knows the model. Default null: the first that it lists.</summary>
    public string? ServedModel { get; init; }

    /// <summary>Sent as <c>Authorization: Bearer KEY</c>. Default null: nothing is.</summary>
    public string? ApiKey { get; init; }

    /// <summary>How long a connection may take. Reading has no limit but the deadline of the request. Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a flush of the cache is tried where the server flushes only when it is idle. Default 60 s.</summary>
    public TimeSpan FlushPatience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Which log-probabilities the server reports. Default null: those that its kind reports as it comes.</summary>
    public ReportedLogprobs? Logprobs { get; init; }

    /// <summary>What deadlines and pauses are measured by.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Hear of what happens.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
