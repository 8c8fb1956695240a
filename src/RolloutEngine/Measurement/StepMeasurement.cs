namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>The steps of a load.</summary>
/// <param name="Steps">In order.</param>
/// <param name="Wall">From the first request to the last result.</param>
/// <param name="ProcessorTime">Of all threads of the process.</param>
public sealed record StepMeasurement(IReadOnlyList<StepTime> Steps, TimeSpan Wall, TimeSpan ProcessorTime);
