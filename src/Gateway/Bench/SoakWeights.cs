using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.Gateway.Bench;

/// <summary>Two files of weights for one model: its own, and the same with the first norm's signs changed, so that no key, value or logit stays.</summary>
internal sealed class SoakWeights : IDisposable
{
    private const string ChangedTensor = "model.layers.0.input_layernorm.weight";
    private const byte SignBit = 0x80;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentrollout-soak-");

    /// <param name="model">The model's folder.</param>
    public SoakWeights(string model)
    {
        try
        {
            SafetensorsLayout layout = WeightFile.Write(model, Own);
            TensorSlot slot = layout.Find(ChangedTensor) ?? throw new EngineException($"'{model}' has no tensor '{ChangedTensor}', which a soak changes.");
            File.Copy(Own, Other);
            ChangeSigns(layout.Header.Length + slot.Offset, new byte[slot.Bytes], (int)(slot.Bytes / slot.Tensor.Shape[0]));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The model's own numbers.</summary>
    public string Own => Path.Combine(_folder.FullName, "own.safetensors");

    /// <summary>Those that differ.</summary>
    public string Other => Path.Combine(_folder.FullName, "other.safetensors");

    public void Dispose() => _folder.Delete(recursive: true);

    private void ChangeSigns(long offset, byte[] numbers, int size)
    {
        using FileStream file = new(Other, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        file.ReadExactly(numbers);
        // Little-endian: the sign is in a number's last byte.
        for (int i = size - 1; i < numbers.Length; i += size)
            numbers[i] ^= SignBit;
        file.Position = offset;
        file.Write(numbers);
    }
}
