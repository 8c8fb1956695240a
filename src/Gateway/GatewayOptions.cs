using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Pending;
using AgentRollout.Gateway.Retention;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Telemetry;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;
using AgentRollout.Tools.Search;

namespace AgentRollout.Gateway;

/// <summary>Settings of the server: the members of the file that <c>serve --config</c> reads (docs/configuration.md).</summary>
internal sealed record GatewayOptions
{
    public const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Where the server listens. Default <see cref="DefaultUrl"/>. Any other than a loopback address needs <see cref="ApiKeys"/>.</summary>
    public IReadOnlyList<string> Urls { get; set; } = [DefaultUrl];

    /// <summary>Folder of the served model. Default: the shipped <c>models/tiny-agent</c>.</summary>
    public string? Model { get; set; }

    /// <summary>The form in which the model writes tool calls (docs/tool-calls.md). Default: the one that its chat template writes.</summary>
    public string? ToolCallParser { get; set; }

    /// <summary>Folder of a reward model, a classifier with one output: its score is added to the rewards of every completed trajectory. Default none.</summary>
    public string? RewardModel { get; set; }

    /// <summary>Folder of a model whose vectors <c>/v1/embeddings</c> gives (docs/dialects.md). Default none.</summary>
    public string? EmbeddingModel { get; set; }

    /// <summary>
    /// What becomes of message and tool text that spells a control token: <c>plain_text</c> keeps it text, <c>as_transformers</c> makes it the
    /// token, for parity with other software. Default <c>plain_text</c>.
    /// </summary>
    public ContentEncoding ContentEncoding { get; set; }

    /// <summary>
    /// What keeps rollouts and trajectories: a SQLite file, or the address of a PostgreSQL database, <c>postgres://USER:PASSWORD@HOST:PORT/DATABASE</c>.
    /// Default the file <c>agentrollout.db</c> in the working directory.
    /// </summary>
    public string Database { get; set; } = "agentrollout.db";

    /// <summary>
    /// What survives the loss of power: <c>normal</c>, what was accepted, sealed, leased or acknowledged; <c>full</c>, every step of a trajectory too.
    /// The death of the server loses nothing at either. Default <c>normal</c>.
    /// </summary>
    public Durability Durability { get; set; }

    /// <summary>
    /// Where weights that a trainer sends are kept, so that a restart goes on with them; room for two copies of the model. Default: the
    /// name of the database's file with <c>.weights</c> behind it, or <c>agentrollout.weights</c> in the working directory.
    /// </summary>
    public string? WeightsFolder { get; set; }

    /// <summary>Where weights that a trainer sends are kept in fact.</summary>
    public string WeightsPath() => WeightsFolder ?? (PostgresDatabase.IsAddress(Database) ? "agentrollout" : Database) + ".weights";

    /// <summary>JSON lines <c>{"id", "title", "text"}</c> that the tool <c>search</c> searches. Default: the shipped facts of <c>lookup</c>.</summary>
    public string? SearchCorpus { get; set; }

    /// <summary>
    /// A file that keeps the index of <see cref="SearchCorpus"/> from start to start; alone, an index that <c>agentrollout index</c> made.
    /// Default: the index is made in memory.
    /// </summary>
    public string? SearchIndex { get; set; }

    /// <summary>The address of a retrieval server that speaks Search-R1's protocol, which <c>search</c> asks in place of an index. Default none.</summary>
    public string? SearchUrl { get; set; }

    /// <summary>What a word in a title counts in the ranking, beside 1 for one in a text. Default 1.</summary>
    [Range(0.0, 1_000.0)]
    public double SearchTitleWeight { get; set; } = 1;

    /// <summary>Words of the best part of a passage that <c>search</c> shows. Default 0: the whole passage.</summary>
    [Range(0, SearchIndexOptions.MaxSnippetWords)]
    public int SearchSnippetWords { get; set; }

    /// <summary>Words in a larger share of the passages are not searched for while the query has rarer ones. Default 0.02.</summary>
    [Range(0.001, 1.0)]
    public double SearchMaxTermShare { get; set; } = 0.02;

    /// <summary>Most rollouts that wait; one more is answered 429. Default 256.</summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = 256;

    /// <summary>Most rollouts that play at once. Default 64.</summary>
    [Range(1, 10_000)]
    public int ConcurrentRollouts { get; set; } = 64;

    /// <summary>Most trajectories in play at once, over all rollouts. Default 64.</summary>
    [Range(1, 10_000)]
    public int ConcurrentTrajectories { get; set; } = 64;

    /// <summary>Most replays that run at once; 64 more wait. Default 2.</summary>
    [Range(1, 1_000)]
    public int ConcurrentReplays { get; set; } = 2;

    /// <summary>Most sessions of agents outside that are open at once; more are answered 429 (docs/capture.md). Default 4,096.</summary>
    [Range(1, 1_000_000)]
    public int OpenSessions { get; set; } = 4_096;

    /// <summary>Largest request body in bytes; a larger one is answered 413. Default 16 MiB.</summary>
    [Range(1_024, 1_073_741_824)]
    public long MaxRequestBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Host names that clients may call the server by, besides loopback names and the addresses it listens on. Default none.</summary>
    public IReadOnlyList<string> AllowedHosts { get; set; } = [];

    /// <summary>Keys of which every call but the health checks must present one. Default none, which only loopback addresses allow.</summary>
    public IReadOnlyList<ApiKeyHash> ApiKeys { get; set; } = [];

    /// <summary>The way of tool calls. Default: within the process.</summary>
    public ToolBusSettings ToolBus { get; set; } = new();

    /// <summary>Limits of the embedded engine.</summary>
    public EngineSettings Engine { get; set; } = new();

    /// <summary>
    /// Engines that compute for the server, which then has none of its own: <see cref="Model"/> names the folder of tokenizer, template and
    /// configuration (docs/routing.md). Default none: the embedded engine.
    /// </summary>
    public IReadOnlyList<RemoteEngineSettings> Engines { get; set; } = [];

    /// <summary>How requests find their engine among <see cref="Engines"/>.</summary>
    public RoutingSettings Routing { get; set; } = new();

    /// <summary>Other servers' protocols. Default: all, at the root.</summary>
    public DialectSettings Dialects { get; set; } = new();

    /// <summary>Where <c>python</c>, <c>shell</c> and the file tools run. Default none: these tools and the environment <c>code</c> are not offered.</summary>
    public SandboxSettings? Sandbox { get; set; }

    /// <summary>How much of tool results models read, where a rollout does not say (docs/tool-results.md). Default 16,384 characters.</summary>
    public ToolResultSettings ToolResults { get; set; } = new();

    /// <summary>HTTP endpoints that are offered as tools (docs/external-tools.md). Default none.</summary>
    public IReadOnlyList<HttpToolDefinition> HttpTools { get; set; } = [];

    /// <summary>The secrets, as <c>env:NAME</c> or <c>file:PATH</c>, that tools registered by <c>POST /v1/tools</c> may use. Default none.</summary>
    public IReadOnlyList<string> ToolSecrets { get; set; } = [];

    /// <summary>
    /// Whether <c>POST /v1/tools</c> may register MCP servers with a <c>command</c>, and so start any program of this machine. Default false.
    /// </summary>
    public bool AllowToolCommands { get; set; }

    /// <summary>MCP servers whose tools are offered (docs/external-tools.md). Default none.</summary>
    public IReadOnlyList<McpServerDefinition> McpServers { get; set; } = [];

    /// <summary>A YAML file of tools as verl reads it, its <c>tool_config_path</c> (docs/external-tools.md). Default none.</summary>
    public string? VerlTools { get; set; }

    /// <summary>Where spans and metrics are sent (docs/observability.md). Default: where OpenTelemetry's environment variables say, else nowhere.</summary>
    public OtlpSettings Otlp { get; set; } = new();

    /// <summary>After how long a trajectory counts as hanging (docs/observability.md).</summary>
    public WatchdogSettings Watchdog { get; set; } = new();

    /// <summary>How much of the past the database keeps. Default all.</summary>
    public RetentionSettings Retention { get; set; } = new();

    /// <summary>
    /// A folder of plugins, each a folder of its own (docs/plugins.md). Default: <c>plugins</c> beside the configuration file, else beside the
    /// program, where there is one.
    /// </summary>
    public string? Plugins { get; set; }

    public SearchIndexOptions ToSearchOptions() => new()
    {
        TitleWeight = SearchTitleWeight,
        SnippetWords = SearchSnippetWords,
        MaxTermShare = SearchMaxTermShare,
    };

    public ChatFormatOptions ToChatOptions() => new() { ContentEncoding = ContentEncoding, ToolCallParser = ToolCallParser };
}

/// <summary>Limits of the embedded engine. None of them changes a result, only when it is there.</summary>
internal sealed record EngineSettings
{
    /// <summary>Threads that compute. Default 0: one per processor.</summary>
    [Range(0, 1_024)]
    public int Threads { get; set; }

    /// <summary>
    /// Memory for keys and values in MiB. Default 0: room for <see cref="MaxRunningSequences"/> full sequences, but at most a quarter of the
    /// machine's memory.
    /// </summary>
    [Range(0, 4_194_304)]
    public int KvCacheMib { get; set; }

    /// <summary>Most tokens of one sequence. Default 0: what the model allows.</summary>
    [Range(0, 16_777_216)]
    public int ContextLength { get; set; }

    /// <summary>Most tokens computed in one step. Default 512.</summary>
    [Range(1, 65_536)]
    public int MaxBatchTokens { get; set; } = 512;

    /// <summary>Most prompt tokens computed in a step that samples for others too. Default 128.</summary>
    [Range(1, 65_536)]
    public int MaxMixedPrefillTokens { get; set; } = 128;

    /// <summary>Most sequences that generate at the same time; others wait. Default 64.</summary>
    [Range(1, 4_096)]
    public int MaxRunningSequences { get; set; } = 64;

    /// <summary>The numbers of keys and values. Default <c>auto</c>: by the checkpoint.</summary>
    public KvCacheType KvCacheType { get; set; }

    /// <summary>The numbers of matrices. Default <c>auto</c>: as the checkpoint stores them.</summary>
    public WeightType WeightType { get; set; }

    /// <summary>Keep what was computed for whoever begins with the same tokens. Default true.</summary>
    public bool PrefixCache { get; set; } = true;

    /// <summary>Let samples of a group wait while one of them computes their common prompt. Default true.</summary>
    public bool SiblingScheduling { get; set; } = true;

    /// <summary>How long pages are kept for a trajectory that waits for its tools. Default 60; 0 keeps none.</summary>
    [Range(0.0, 86_400.0)]
    public double LeaseSeconds { get; set; } = 60;

    /// <summary>Least time between two chunks of one sequence in milliseconds, its first and last aside. Default 20.</summary>
    [Range(0, 10_000)]
    public int ChunkIntervalMs { get; set; } = 20;

    /// <summary>The same in the engine's own words.</summary>
    public EngineOptions ToOptions() => new()
    {
        Threads = Threads,
        KvCacheMiB = KvCacheMib,
        ContextLength = ContextLength,
        MaxBatchTokens = MaxBatchTokens,
        MaxMixedPrefillTokens = MaxMixedPrefillTokens,
        MaxRunningSequences = MaxRunningSequences,
        KvCacheType = KvCacheType,
        WeightType = WeightType,
        PrefixCache = PrefixCache,
        SiblingScheduling = SiblingScheduling,
        LeaseSeconds = LeaseSeconds,
        ChunkIntervalMs = ChunkIntervalMs,
    };
}

/// <summary>An API key as configuration keeps it.</summary>
internal sealed record ApiKeyHash
{
    /// <summary>Whose key it is, for whoever reads the file.</summary>
    public required string Name { get; set; }

    /// <summary>The SHA-256 of the key's UTF-8 bytes, 64 hexadecimal digits.</summary>
    public required string Sha256 { get; set; }
}
