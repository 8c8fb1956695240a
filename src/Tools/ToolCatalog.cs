using System.Collections.Concurrent;

namespace AgentRollout.Tools;

/// <summary>
/// The tools of this process. Sources of them may come, change and go while trajectories play; each change is made as a whole or not at all, and
/// no trajectory that has begun sees it. Safe to use concurrently.
/// </summary>
public sealed class ToolCatalog
{
    /// <summary>The owner of tools that are part of the program.</summary>
    public const string BuiltIn = "built-in tools";

    private readonly Lock _changing = new();
    private readonly ConcurrentDictionary<string, ToolSnapshot> _pinned = [];
    private volatile ToolSnapshot _current = ToolSnapshot.Empty;

    /// <param name="tools">Those of the owner <see cref="BuiltIn"/>.</param>
    /// <param name="sources">Others.</param>
    /// <exception cref="ToolException">See <see cref="Set"/>.</exception>
    public ToolCatalog(IEnumerable<ITool> tools, params IEnumerable<ToolSource> sources)
    {
        Set(BuiltIn, tools);
        foreach (ToolSource source in sources)
            Add(source.Owner, source.Tools);
    }

    /// <summary>What a trajectory that begins now may be offered.</summary>
    public ToolSnapshot Current => _current;

    /// <summary>Adds the tools of an owner who has none yet.</summary>
    /// <exception cref="ToolException">See <see cref="Set"/>, or the owner has tools already.</exception>
    public void Add(string owner, IEnumerable<ITool> tools) => Change(owner, tools, mayReplace: false);

    /// <summary>Adds the tools of an owner, or puts them in the place of those that it had.</summary>
    /// <exception cref="ToolException">
    /// A name is malformed or taken twice, or a schema uses a keyword that is not enforced; nothing has changed then.
    /// </exception>
    public void Set(string owner, IEnumerable<ITool> tools) => Change(owner, tools, mayReplace: true);

    /// <summary>Removes the tools of an owner; false where it had none.</summary>
    public bool Remove(string owner)
    {
        lock (_changing)
        {
            if (!_current.Has(owner))
                return false;
            _current = _current.Without(owner);
            return true;
        }
    }

    /// <summary>
    /// Holds the tools of now for a trajectory, so that its calls find what it was offered, and nothing else, whatever changes meanwhile. Calls of
    /// a trajectory that is not held in this process find what there is when they come.
    /// </summary>
    /// <param name="trajectoryId">Plays once at a time.</param>
    public PinnedTools Pin(string trajectoryId)
    {
        ToolSnapshot tools = _current;
        _pinned[trajectoryId] = tools;
        return new PinnedTools(tools, () => _pinned.TryRemove(KeyValuePair.Create(trajectoryId, tools)));
    }

    internal ToolSnapshot Of(string trajectoryId) => _pinned.TryGetValue(trajectoryId, out ToolSnapshot? tools) ? tools : _current;

    private void Change(string owner, IEnumerable<ITool> tools, bool mayReplace)
    {
        RegisteredTool[] registered = [.. tools.Select(tool => RegisteredTool.Create(tool, owner))];
        lock (_changing)
        {
            if (!mayReplace && _current.Has(owner))
                throw new ToolException($"The tools of {owner} are registered already.");
            _current = _current.With(owner, registered);
        }
    }
}
