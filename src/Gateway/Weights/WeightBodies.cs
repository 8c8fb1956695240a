using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Weights;

/// <summary>The body of <c>POST /v1/weights/from_disk</c>.</summary>
internal sealed record UpdateFromDiskBody
{
    /// <summary>A Hugging Face folder, or a safetensors file with all tensors, on the server's machine.</summary>
    public required string Path { get; set; }

    /// <summary>The version that the weights get; default one more than the one in use.</summary>
    [Range(1L, (double)StartRolloutRequest.MaxSeed)]
    public long? Version { get; set; }

    /// <summary>What happens to sequences that generate: <c>finish</c>, <c>continue</c> or <c>abort</c>.</summary>
    [DefaultValue(RunningSequences.Finish)]
    public RunningSequences Running { get; set; }

    /// <summary>What happens to keys and values of the old weights: <c>flush</c> or <c>keep</c>.</summary>
    [DefaultValue(KvCachePolicy.Flush)]
    public KvCachePolicy KvCache { get; set; }

    /// <summary>What the weights must add up to; refused otherwise.</summary>
    public string? Checksum { get; set; }
}

/// <summary>The body of <c>POST /v1/weights/updates</c>: what will come.</summary>
internal sealed record BeginUpdateBody
{
    /// <summary>All tensors of the model, under their names in the checkpoint.</summary>
    public required IReadOnlyList<TensorBody> Tensors { get; set; }

    /// <summary>The version that the weights get; default one more than the one in use at the commit.</summary>
    [Range(1L, (double)StartRolloutRequest.MaxSeed)]
    public long? Version { get; set; }

    /// <summary>What happens to sequences that generate: <c>finish</c>, <c>continue</c> or <c>abort</c>.</summary>
    [DefaultValue(RunningSequences.Finish)]
    public RunningSequences Running { get; set; }

    /// <summary>What happens to keys and values of the old weights: <c>flush</c> or <c>keep</c>.</summary>
    [DefaultValue(KvCachePolicy.Flush)]
    public KvCachePolicy KvCache { get; set; }

    /// <summary>True where the sender writes the bytes into the file that the answer names, and none come over HTTP.</summary>
    [DefaultValue(false)]
    public bool Direct { get; set; }
}

/// <summary>A tensor that will come.</summary>
internal sealed record TensorBody
{
    /// <summary>Its name in the checkpoint.</summary>
    public required string Name { get; set; }

    /// <summary><c>F32</c>, <c>BF16</c> or <c>F16</c>.</summary>
    public required string Dtype { get; set; }

    /// <summary>Lengths, outermost first.</summary>
    public required IReadOnlyList<long> Shape { get; set; }
}

/// <summary>The body of <c>POST /v1/weights/updates/{id}/commit</c>.</summary>
internal sealed record CommitUpdateBody
{
    /// <summary>CRC-32 of tensors as 8 hexadecimal digits, by name; those that are left out are not checked.</summary>
    public IReadOnlyDictionary<string, string>? Crc32 { get; set; }

    /// <summary>What the weights must add up to; refused otherwise.</summary>
    public string? Checksum { get; set; }
}

/// <summary>The answer to a begun update.</summary>
/// <param name="Id">Names the update in what follows.</param>
/// <param name="Path">The file that is filled, for senders on the same machine.</param>
/// <param name="DataOffset">Where in the file the tensors' bytes begin.</param>
/// <param name="Bytes">Bytes of all tensors.</param>
/// <param name="Tensors">Where each one's bytes belong.</param>
internal sealed record UpdateBegun(string Id, string Path, long DataOffset, long Bytes, IReadOnlyList<TensorPlace> Tensors);

/// <summary>Where a tensor's bytes belong.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Offset">Its first byte, counted from the first tensor's.</param>
/// <param name="Bytes">How many there are.</param>
internal sealed record TensorPlace(string Name, long Offset, long Bytes);

/// <summary>How far an update is.</summary>
/// <param name="Id">The update.</param>
/// <param name="Bytes">Bytes of all tensors.</param>
/// <param name="Received">Bytes that have come.</param>
/// <param name="Missing">Names of tensors that are not complete, at most 20.</param>
/// <param name="MissingCount">How many tensors are not complete.</param>
internal sealed record UpdateProgress(string Id, long Bytes, long Received, IReadOnlyList<string> Missing, int MissingCount);

/// <summary>The weights in use.</summary>
/// <param name="Version">Their version.</param>
/// <param name="Path">Where they were read from.</param>
/// <param name="Checksum">What they add up to; null for those of the model folder.</param>
/// <param name="OpenUpdate">The update that is being sent, or null.</param>
/// <param name="LastUpdate">How the last update since the start went, or null.</param>
internal sealed record WeightsResponse(long Version, string Path, string? Checksum, string? OpenUpdate, WeightUpdateReport? LastUpdate);

/// <summary>How an update went; all times in milliseconds.</summary>
/// <param name="Version">The new weights' version.</param>
/// <param name="Checksum">What they add up to, where the request had it verified; <c>GET /v1/weights</c> tells it otherwise.</param>
/// <param name="Bytes">Memory that they take, packed; null where other engines take them.</param>
/// <param name="ReceiveMs">From the beginning of a streamed update to its commit.</param>
/// <param name="VerifyMs">Reading all bytes for the checksum, where the request had it verified.</param>
/// <param name="ConvertMs">Packing, while the engine went on.</param>
/// <param name="WaitMs">Until running sequences had finished, where they were to.</param>
/// <param name="FlushMs">Forgetting keys and values.</param>
/// <param name="SwapMs">Putting the new weights in place; nothing is generated meanwhile.</param>
/// <param name="Failed">Engines of a fleet that did not take them, and why: they get no requests until they have. Null where all did.</param>
internal sealed record WeightUpdateReport(
    long Version,
    string? Checksum,
    long? Bytes,
    double ReceiveMs,
    double VerifyMs,
    double ConvertMs,
    double WaitMs,
    double FlushMs,
    double SwapMs,
    IReadOnlyDictionary<string, string>? Failed);
