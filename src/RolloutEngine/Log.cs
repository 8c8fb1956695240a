using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine;

internal static partial class Log
{
    [LoggerMessage(4001, LogLevel.Information,
        "Loaded {Model}: {Parameters} parameters, {WeightBytes} bytes of weights, {Pages} pages of 16 tokens, {Threads} threads, {ComputePath}, in {Elapsed}")]
    public static partial void EngineLoaded(
        ILogger logger, string model, long parameters, long weightBytes, int pages, int threads, string computePath, TimeSpan elapsed);

    [LoggerMessage(4002, LogLevel.Critical, "The engine's loop crashed; all requests fail from now on")]
    public static partial void EngineCrashed(ILogger logger, Exception exception);

    [LoggerMessage(4003, LogLevel.Information, "Weights {WeightVersion} from {Path} are in use: loaded in {Load}, waited {Wait}, flushed in {Flush}, swapped in {Swap}")]
    public static partial void WeightsUpdated(
        ILogger logger, long weightVersion, string path, TimeSpan load, TimeSpan wait, TimeSpan flush, TimeSpan swap);

    [LoggerMessage(4011, LogLevel.Information, "Engine {Engine} takes requests; it has weights {WeightVersion}")]
    public static partial void RoutedEngineUp(ILogger logger, string engine, long weightVersion);

    [LoggerMessage(4012, LogLevel.Warning, "Engine {Engine} is lost: {Reason}")]
    public static partial void RoutedEngineLost(ILogger logger, string engine, string reason);

    [LoggerMessage(4013, LogLevel.Information, "Request {Request} goes on elsewhere after engine {Engine} was lost with it, from {Sampled} sampled tokens")]
    public static partial void RequestMoves(ILogger logger, string request, string engine, int sampled);

    [LoggerMessage(4014, LogLevel.Warning, "Engine {Engine} did not take weights {WeightVersion} and gets no requests until it has: {Reason}")]
    public static partial void RoutedEngineStale(ILogger logger, string engine, long weightVersion, string reason);

    [LoggerMessage(4015, LogLevel.Information, "Engine {Engine} was brought up to weights {WeightVersion}")]
    public static partial void RoutedEngineUpdated(ILogger logger, string engine, long weightVersion);

    [LoggerMessage(4004, LogLevel.Information, "Connected to {Engine}: {Model}, {Vocabulary} token ids, {Context} tokens of context, weights {WeightVersion}")]
    public static partial void RemoteEngineConnected(ILogger logger, string engine, string model, int vocabulary, int context, long weightVersion);

    [LoggerMessage(4005, LogLevel.Debug, "Engine {Engine} could not be told to abort {Request}")]
    public static partial void AbortNotSent(ILogger logger, Exception exception, string engine, string request);
}
