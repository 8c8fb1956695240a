namespace AgentRollout.Gateway.Errors;

/// <summary>The stable <c>code</c> members of problem details.</summary>
internal static class ProblemCodes
{
    public const string InvalidJson = "invalid_json";
    public const string UnknownMember = "unknown_member";
    public const string DuplicateMember = "duplicate_member";
    public const string MissingMember = "missing_member";
    public const string InvalidValue = "invalid_value";
    public const string UnknownEnvironment = "unknown_environment";
    public const string UnknownModel = "unknown_model";
    public const string UnknownTool = "unknown_tool";
    public const string ToolExists = "tool_exists";
    public const string ToolNotRegistered = "tool_not_registered";
    public const string UnknownSession = "unknown_session";
    public const string SessionEnded = "session_ended";
    public const string SessionLimit = "session_limit";
    public const string TooManySessions = "too_many_sessions";
    public const string UnknownRollout = "unknown_rollout";
    public const string UnknownTrajectory = "unknown_trajectory";
    public const string UnknownGroup = "unknown_group";
    public const string OtherTokenizer = "other_tokenizer";
    public const string OtherModel = "other_model";
    public const string UnknownReplay = "unknown_replay";
    public const string UnknownLease = "unknown_lease";
    public const string LeaseEnded = "lease_ended";
    public const string UnknownRoute = "unknown_route";
    public const string InvalidTask = "invalid_task";
    public const string QueueFull = "queue_full";
    public const string HostNotAllowed = "host_not_allowed";
    public const string CrossOrigin = "cross_origin";
    public const string Unauthorized = "unauthorized";
    public const string MethodNotAllowed = "method_not_allowed";
    public const string UnsupportedMediaType = "unsupported_media_type";
    public const string NotAcceptable = "not_acceptable";
    public const string BodyTooLarge = "body_too_large";
    public const string BadRequest = "bad_request";
    public const string NotReady = "not_ready";
    public const string NotConfigured = "not_configured";
    public const string SandboxesBusy = "sandboxes_busy";
    public const string EngineExists = "engine_exists";
    public const string UnknownEngine = "unknown_engine";
    public const string EngineFailed = "engine_failed";
    public const string ToolFailed = "tool_failed";
    public const string WeightsRefused = "weights_refused";
    public const string ChecksumMismatch = "checksum_mismatch";
    public const string UnknownUpdate = "unknown_update";
    public const string UpdateInProgress = "update_in_progress";
    public const string UpdateIncomplete = "update_incomplete";
    public const string UpdateBusy = "update_busy";
    public const string NotSupported = "not_supported";
    public const string StorageUnavailable = "storage_unavailable";
    public const string Internal = "internal_error";
}
