using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.Gateway.Delivery;

/// <summary>
/// Trajectories as one padded safetensors file, ready for a training step: a row per sequence, so that a trajectory whose history was
/// rewritten has several. Tensors of [rows, longest]: <c>input_ids</c>, <c>attention_mask</c>, <c>position_ids</c>, <c>loss_mask</c>,
/// <c>weight_versions</c> (I64; -1 where nothing was sampled), <c>logprobs</c> and <c>sampling_logprobs</c> (F32; 0 where the loss mask is 0).
/// Of [rows]: <c>rewards</c>, and <c>advantages</c> where asked for (F32), <c>group_index</c> and <c>trajectory_index</c> (I64). The metadata
/// names the rows' trajectories, as a JSON array in <c>trajectory_ids</c>.
/// </summary>
internal sealed class TrajectoryBatch
{
    private readonly (Trajectory Trajectory, int Index, TrajectorySequence Sequence)[] _rows;
    private readonly Trajectory[] _trajectories;
    private readonly BatchForm _form;
    private readonly int _longest;

    private TrajectoryBatch(IReadOnlyList<Trajectory> trajectories, BatchForm form)
    {
        _form = form;
        _trajectories = [.. trajectories];
        _rows = [.. _trajectories.SelectMany((trajectory, index) => trajectory.Sequences.Select(sequence => (trajectory, index, sequence)))];
        _longest = _rows.Length == 0 ? 0 : _rows.Max(row => row.Sequence.TokenIds.Length);
    }

    /// <summary>Writes a batch as the body of a response.</summary>
    /// <param name="response">Its headers are not sent yet.</param>
    /// <param name="trajectories">In the order of the rows.</param>
    /// <param name="form">How they become a batch.</param>
    /// <param name="lease">Goes into the metadata as <c>lease</c>, where trajectories are leased.</param>
    public static async Task WriteAsync(HttpResponse response, IReadOnlyList<Trajectory> trajectories, BatchForm form, LeaseResponse? lease)
    {
        TrajectoryBatch batch = new(trajectories, form);
        SafetensorsLayout layout = batch.Layout(lease);
        response.ContentType = MediaTypes.Safetensors;
        response.ContentLength = layout.FileBytes;
        CancellationToken cancellationToken = response.HttpContext.RequestAborted;
        await response.Body.WriteAsync(layout.Header, cancellationToken);
        foreach (TensorSlot slot in layout.Slots)
            await response.Body.WriteAsync(batch.Bytes(slot.Tensor.Name), cancellationToken);
    }

    private SafetensorsLayout Layout(LeaseResponse? lease)
    {
        Dictionary<string, string> metadata = new()
        {
            ["schema"] = "agentrollout.batch/1",
            ["padding"] = _form.Padding == PaddingSide.Left ? "left" : "right",
            ["trajectory_ids"] = JsonSerializer.Serialize([.. _rows.Select(row => row.Trajectory.Id)], GatewayJson.Default.IReadOnlyListString),
        };
        if (lease is not null)
            metadata["lease"] = JsonSerializer.Serialize(lease, GatewayJson.Default.LeaseResponse);

        long[] cells = [_rows.Length, _longest], rows = [_rows.Length];
        List<TensorShape> tensors =
        [
            new TensorShape("input_ids", "I64", cells),
            new TensorShape("attention_mask", "I64", cells),
            new TensorShape("position_ids", "I64", cells),
            new TensorShape("loss_mask", "I64", cells),
            new TensorShape("weight_versions", "I64", cells),
            new TensorShape("logprobs", "F32", cells),
            new TensorShape("sampling_logprobs", "F32", cells),
            new TensorShape("group_index", "I64", rows),
            new TensorShape("trajectory_index", "I64", rows),
            new TensorShape("rewards", "F32", rows),
        ];
        if (_form.Advantages is not null)
            tensors.Add(new TensorShape("advantages", "F32", rows));
        return new SafetensorsLayout(tensors, metadata);
    }

    private byte[] Bytes(string tensor) => tensor switch
    {
        "input_ids" => Cells(_form.PadTokenId, (row, i) => (long)row.TokenIds[i]),
        "attention_mask" => Cells(0L, (_, _) => 1L),
        "position_ids" => Cells(0L, (_, i) => (long)i),
        "loss_mask" => Cells(0L, (row, i) => (long)row.LossMask[i]),
        "weight_versions" => VersionCells(),
        "logprobs" => Cells(0f, (row, i) => row.Logprobs[i] ?? Lacking(row, i)),
        "sampling_logprobs" => Cells(0f, (row, i) => (row.SamplingLogprobs ?? row.Logprobs)[i] ?? Lacking(row, i)),
        "group_index" => GroupIndex(),
        "trajectory_index" => Rows(row => (long)row.Index),
        "rewards" => Rows(row => (float)(row.Trajectory.Reward ?? 0)),
        _ => Advantages(),
    };

    /// <summary>Zero for what is not learned from; what the engine did not report must not look like certainty.</summary>
    private static float Lacking(TrajectorySequence row, int i) => row.LossMask[i] == 1 ? float.NaN : 0;

    private byte[] Cells<T>(T padding, Func<TrajectorySequence, int, T> value) where T : unmanaged
    {
        T[] cells = new T[(long)_rows.Length * _longest];
        Array.Fill(cells, padding);
        for (int row = 0; row < _rows.Length; row++)
        {
            TrajectorySequence sequence = _rows[row].Sequence;
            int first = FirstCell(row);
            for (int i = 0; i < sequence.TokenIds.Length; i++)
                cells[first + i] = value(sequence, i);
        }

        return ToBytes(cells);
    }

    private byte[] VersionCells()
    {
        long[] cells = new long[(long)_rows.Length * _longest];
        Array.Fill(cells, -1);
        for (int row = 0; row < _rows.Length; row++)
        {
            int first = FirstCell(row);
            foreach (var segment in _rows[row].Sequence.Segments.Where(segment => segment.WeightVersion is not null))
                Array.Fill(cells, segment.WeightVersion!.Value, first + segment.Start, segment.End - segment.Start);
        }

        return ToBytes(cells);
    }

    private int FirstCell(int row) =>
        row * _longest + (_form.Padding == PaddingSide.Left ? _longest - _rows[row].Sequence.TokenIds.Length : 0);

    private byte[] Rows<T>(Func<(Trajectory Trajectory, int Index, TrajectorySequence Sequence), T> value) where T : unmanaged =>
        ToBytes(_rows.Select(value).ToArray());

    /// <summary>Groups are numbered in the order in which they come.</summary>
    private byte[] GroupIndex()
    {
        Dictionary<string, long> index = [];
        foreach (Trajectory trajectory in _trajectories)
            index.TryAdd(trajectory.GroupId, index.Count);
        return Rows(row => index[row.Trajectory.GroupId]);
    }

    /// <summary>A trajectory without a reward counts as 0, as in <c>rewards</c>.</summary>
    private byte[] Advantages()
    {
        Dictionary<string, double> of = [];
        foreach (IGrouping<string, Trajectory> group in _trajectories.GroupBy(trajectory => trajectory.GroupId))
        {
            double[] advantages = GroupAdvantages.Compute(_form.Advantages!.Value, [.. group.Select(trajectory => trajectory.Reward ?? 0)]);
            foreach ((Trajectory trajectory, double advantage) in group.Zip(advantages))
                of[trajectory.Id] = advantage;
        }

        return Rows(row => (float)of[row.Trajectory.Id]);
    }

    private static byte[] ToBytes<T>(T[] values) where T : unmanaged => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
