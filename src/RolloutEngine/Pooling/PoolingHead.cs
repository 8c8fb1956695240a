using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>The few rows behind a pooled vector: dense layers, with tanh between them. Summed in double, in order.</summary>
internal sealed unsafe class PoolingHead(IReadOnlyList<PoolingHead.Dense> layers) : IDisposable
{
    /// <summary>The head's outputs for a pooled vector.</summary>
    public float[] Apply(float[] vector)
    {
        for (int i = 0; i < layers.Count; i++)
        {
            vector = layers[i].Apply(vector);
            for (int k = 0; i < layers.Count - 1 && k < vector.Length; k++)
                vector[k] = MathF.Tanh(vector[k]);
        }

        return vector;
    }

    public void Dispose()
    {
        foreach (Dense layer in layers)
            layer.Dispose();
    }

    /// <summary>[outputs, inputs] with a bias where there is one.</summary>
    internal sealed class Dense : IDisposable
    {
        private readonly NativeBuffer<float> _weight;
        private readonly NativeBuffer<float> _bias;

        public Dense(WeightRows rows)
        {
            _weight = NativeBuffer<float>.Zeroed((long)rows.Outputs * rows.Inputs);
            _bias = NativeBuffer<float>.Zeroed(rows.Outputs);
            for (int row = 0; row < rows.Outputs; row++)
                rows.Weight.CopyTo((long)row * rows.Inputs, rows.Inputs, _weight.Pointer + (long)row * rows.Inputs);
            rows.Bias?.CopyTo(0, rows.Outputs, _bias.Pointer);
        }

        public float[] Apply(float[] input)
        {
            float[] output = new float[_bias.Length];
            for (int row = 0; row < output.Length; row++)
            {
                float* weights = _weight.Pointer + (long)row * input.Length;
                double sum = _bias.Pointer[row];
                for (int i = 0; i < input.Length; i++)
                    sum += (double)weights[i] * input[i];
                output[row] = (float)sum;
            }

            return output;
        }

        public void Dispose()
        {
            _weight.Dispose();
            _bias.Dispose();
        }
    }
}
