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
}
