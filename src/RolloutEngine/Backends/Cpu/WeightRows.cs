using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>A matrix of a checkpoint, [outputs, inputs], with its bias where it has one.</summary>
internal sealed record WeightRows(TensorView Weight, TensorView? Bias)
{
    public int Outputs => (int)Weight.Shape[0];

    public int Inputs => (int)Weight.Shape[1];
}
