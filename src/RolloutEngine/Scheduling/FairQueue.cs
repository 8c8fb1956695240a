using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>
/// Who is admitted next: the oldest of the flow that had the least service so far. A flow that is new begins where the one served last
/// stands, as in start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996), so it neither waits for others to catch up nor makes them wait;
/// a priority is a weight, so nobody starves.
/// </summary>
internal sealed class FairQueue
{
    private readonly List<Flow> _flows = [];
    private double _virtualTime;

    /// <summary>Sequences that wait.</summary>
    public int Count { get; private set; }

    public void Enqueue(Sequence sequence)
    {
        Flow flow = FlowOf(sequence);
        flow.Members++;
        sequence.Flow = flow;
        flow.Waiting.AddLast(sequence.Node);
        Count++;
    }

    /// <summary>Takes a sequence out of those that wait; it stays a member of its flow until <see cref="Leave"/>.</summary>
    public void Dequeue(Sequence sequence)
    {
        sequence.Flow!.Waiting.Remove(sequence.Node);
        _virtualTime = Math.Max(_virtualTime, sequence.Flow.Service);
        Count--;
    }

    /// <summary>Notes that a sequence has ended, whether it still waited or not.</summary>
    public void Leave(Sequence sequence)
    {
        Flow flow = sequence.Flow!;
        if (sequence.Node.List is not null)
        {
            flow.Waiting.Remove(sequence.Node);
            Count--;
        }

        if (--flow.Members == 0)
            _flows.Remove(flow);
    }

    /// <summary>The next to admit among those that are not held back; null where there is none.</summary>
    public Sequence? Next(SiblingGate gate, List<Sequence> running)
    {
        (Sequence? best, double service) = (null, double.PositiveInfinity);
        foreach (Flow flow in _flows)
        {
            if (flow.Service < service && FirstOpen(flow, gate, running) is { } sequence)
                (best, service) = (sequence, flow.Service);
        }

        return best;
    }

    /// <summary>Any sequence that waits; null where none does.</summary>
    public Sequence? Any()
    {
        foreach (Flow flow in _flows)
        {
            if (flow.Waiting.First is { } node)
                return node.Value;
        }

        return null;
    }

    private static Sequence? FirstOpen(Flow flow, SiblingGate gate, List<Sequence> running)
    {
        for (LinkedListNode<Sequence>? node = flow.Waiting.First; node is not null; node = node.Next)
        {
            if (!gate.Holds(node.Value, running))
                return node.Value;
        }

        return null;
    }

    private Flow FlowOf(Sequence sequence)
    {
        foreach (Flow flow in _flows)
        {
            if (flow.Priority == sequence.Priority && flow.Key == sequence.FairnessKey)
                return flow;
        }

        Flow added = new(sequence.FairnessKey, sequence.Priority) { Service = _virtualTime };
        _flows.Add(added);
        return added;
    }
}
