namespace AgentRollout.RolloutEngine.Weights;

/// <summary>Writes weights as one safetensors file.</summary>
public static class WeightFile
{
    /// <summary>Copies all tensors of a model folder or file, single or sharded, into one file.</summary>
    /// <returns>Where they lie in it.</returns>
    /// <exception cref="EngineException">The folder or file is missing or damaged.</exception>
    public static unsafe SafetensorsLayout Write(string source, string target)
    {
        const int block = 1 << 24;
        using Checkpoint checkpoint = Checkpoint.Open(source);
        TensorView[] tensors = [.. checkpoint.Tensors];
        SafetensorsLayout layout = new(tensors.Select(tensor => new TensorShape(tensor.Name, tensor.Dtype, tensor.Shape.ToArray())));
        using FileStream file = new(target, FileMode.Create, FileAccess.Write);
        file.Write(layout.Header.Span);
        foreach (TensorView tensor in tensors)
        {
            for (long done = 0; done < tensor.ByteCount; done += block)
                file.Write(new ReadOnlySpan<byte>(tensor.Data + done, (int)Math.Min(block, tensor.ByteCount - done)));
        }

        return layout;
    }
}
