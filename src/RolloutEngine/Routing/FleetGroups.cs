using System.Collections.Concurrent;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// A trainer's process groups, in which it broadcasts weights to a fleet as if to one engine: every engine joins with ranks of its own, one behind the
/// other, and gets each call at the same time, since a broadcast ends only when all members take part.
/// </summary>
internal sealed class FleetGroups(Fleet fleet)
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<Member>> _groups = new(StringComparer.Ordinal);

    /// <summary>The processes of the engines that answer.</summary>
    public int Workers => fleet.Answering.Sum(slot => slot.Node is IWeightGroupMember member ? member.Workers : 1);

    public Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken) => call.Step switch
    {
        WeightGroupStep.Join => JoinAsync(call, cancellationToken),
        WeightGroupStep.Receive => ReceiveAsync(call, cancellationToken),
        WeightGroupStep.Leave => LeaveAsync(call, cancellationToken),
        _ => TellAsync(MembersOf(call.Group), call, cancellationToken),
    };

    private async Task JoinAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        List<Member> members = [];
        int rank = call.RankOffset;
        foreach (EngineSlot slot in fleet.All)
        {
            if (slot.Node is not { } node)
                throw new EngineException($"Engine '{slot.Name}' is down, and a process group is joined by all engines or by none; wait for it, or take it out of the fleet.");
            if (node is not IWeightGroupMember receiver)
                throw new EngineException($"Engine '{slot.Name}' cannot join a process group.");
            members.Add(new Member(slot, node, rank));
            rank += receiver.Workers;
        }

        if (members is [])
            throw new EngineException("There is no engine that could join a process group.");
        if (rank > call.WorldSize)
        {
            throw new EngineException(
                $"The engines have {rank - call.RankOffset} workers ({string.Join(", ", members.Select(member => $"'{member.Slot.Name}': {member.Receiver.Workers}"))}), "
                + $"which do not fit behind rank offset {call.RankOffset} in a world of {call.WorldSize}.");
        }

        await TellAsync(members, call, cancellationToken);
        _groups[call.Group] = members;
    }

    private async Task ReceiveAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        IReadOnlyList<Member> members = MembersOf(call.Group);
        try
        {
            await TellAsync(members, call, cancellationToken);
        }
        finally
        {
            // Where some have the weights, the others are stale.
            if (members.Any(member => member.Node.Model.WeightVersion == call.Version))
                fleet.Wanted.Took(call.Version, update: null);
            foreach (Member member in members)
                fleet.Forget(member.Slot);
            fleet.Signal();
        }
    }

    /// <summary>Those that were lost meanwhile have left already.</summary>
    private async Task LeaveAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        Member[] there = [.. (_groups.TryRemove(call.Group, out IReadOnlyList<Member>? members) ? members : Everyone()).Where(member => member.IsThere)];
        if (there is not [])
            await TellAsync(there, call, cancellationToken);
    }

    /// <summary>The members of a group: those that joined through here, or all, where the trainer has them join before this router was there.</summary>
    /// <exception cref="EngineException">One of them was lost, so that a broadcast would never end.</exception>
    private IReadOnlyList<Member> MembersOf(string group)
    {
        if (!_groups.TryGetValue(group, out IReadOnlyList<Member>? members))
            return Everyone();
        return members.FirstOrDefault(member => !member.IsThere) is not { } lost
            ? members
            : throw new EngineException($"Engine '{lost.Slot.Name}' was lost after it had joined the process group '{group}'; have the engines leave it and join anew.");
    }

    private Member[] Everyone() =>
        [.. fleet.Answering.Select(slot => (Slot: slot, slot.Node)).Where(engine => engine.Node is IWeightGroupMember).Select(engine => new Member(engine.Slot, engine.Node!, RankOffset: 0))];

    /// <summary>Tells all members at once. Where one cannot take part, the others would wait for it in vain and are not waited for.</summary>
    private async Task TellAsync(IReadOnlyList<Member> members, WeightGroupCall call, CancellationToken cancellationToken)
    {
        List<string> failures = [];
        using CancellationTokenSource failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // Engines may answer nothing else until it is over.
        fleet.Wanted.BeginUpdate();
        try
        {
            await Task.WhenAll(members.Select(TellOneAsync));
        }
        finally
        {
            fleet.Wanted.EndUpdate();
        }

        if (failures is not [])
            throw new EngineException($"{failures.Count} of {members.Count} engines could not take part in a broadcast of weights: {string.Join("; ", failures)}");

        async Task TellOneAsync(Member member)
        {
            try
            {
                await member.Receiver.PassAsync(call with { RankOffset = member.RankOffset }, failed.Token);
            }
            catch (EngineException exception)
            {
                if (exception.IsLost)
                    fleet.Lose(member.Slot, member.Node, exception.Message);
                lock (failures)
                    failures.Add($"'{member.Slot.Name}': {exception.Message}");
                await failed.CancelAsync();
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Another could not take part.
            }
        }
    }

    /// <summary>An engine in a group.</summary>
    /// <param name="Slot">The engine.</param>
    /// <param name="Node">The connection over which it joined.</param>
    /// <param name="RankOffset">The rank of its first worker.</param>
    private sealed record Member(EngineSlot Slot, IEngineNode Node, int RankOffset)
    {
        public bool IsThere => Slot.Node == Node;

        public IWeightGroupMember Receiver => (IWeightGroupMember)Node;
    }
}
