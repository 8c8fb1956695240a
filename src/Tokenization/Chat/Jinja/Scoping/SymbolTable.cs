namespace AgentRollout.Tokenization.Chat.Jinja.Scoping;

/// <summary>
/// The names of one scope while it is analysed, by Jinja's rules: a name that is only read is found further out or comes from the input;
/// one that is set begins with the value of the same name further out, and outside of any, unset, unless only some branches set it.
/// </summary>
internal sealed class SymbolTable(SymbolTable? parent, FrameLayout layout, int level)
{
    private const int Apart = 1 << 20;

    private Dictionary<string, Variable> _variables = new(StringComparer.Ordinal);
    private Dictionary<Variable, Origin> _loads = [];
    private HashSet<string> _stores = new(StringComparer.Ordinal);

    private enum Source
    {
        Parameter,
        Input,
        Outer,
        Unset,
    }

    public FrameLayout Layout => layout;

    public IReadOnlyCollection<string> Stores => _stores;

    public SymbolTable Inner(FrameLayout? function = null) => new(this, function ?? layout, level + 1);

    /// <summary>As <see cref="Inner"/>, but its variables share no slots with those of any other scope's.</summary>
    public SymbolTable InnerApart(FrameLayout? function) => new(this, function ?? layout, level + 1 + Apart);

    public Variable? Find(string name) => _variables.TryGetValue(name, out Variable? variable) ? variable : parent?.Find(name);

    public SlotReference Resolve(string name)
    {
        if (Find(name) is null)
            Load(name);
        return Find(name)!.From(layout);
    }

    public void Load(string name)
    {
        if (Find(name) is null)
            Define(name, new Origin(Source.Input, name, null));
    }

    public void Store(string name)
    {
        _stores.Add(name);
        if (_variables.ContainsKey(name))
            return;
        Variable? outer = parent?.Find(name);
        Define(name, outer is null ? new Origin(Source.Unset, name, null) : new Origin(Source.Outer, name, outer));
    }

    public int DeclareParameter(string name)
    {
        _stores.Add(name);
        return Define(name, new Origin(Source.Parameter, name, null)).Slot;
    }

    /// <summary>A table for one branch of a condition, to be merged back.</summary>
    public SymbolTable Branch() => new(parent, layout, level)
    {
        _variables = new(_variables, StringComparer.Ordinal),
        _loads = new(_loads),
        _stores = new(_stores, StringComparer.Ordinal),
    };

    /// <summary>Takes over what the branches of a condition found. A name that not all of them set may keep its earlier value.</summary>
    public void Merge(IReadOnlyList<SymbolTable> branches)
    {
        Dictionary<string, int> stored = new(StringComparer.Ordinal);
        foreach (string name in branches.SelectMany(branch => branch._stores).Where(name => !_stores.Contains(name)))
            stored[name] = stored.GetValueOrDefault(name) + 1;
        foreach (SymbolTable branch in branches)
        {
            foreach ((string name, Variable variable) in branch._variables)
                _variables[name] = variable;
            foreach ((Variable variable, Origin load) in branch._loads)
                _loads[variable] = load;
            _stores.UnionWith(branch._stores);
        }

        foreach ((string name, int count) in stored)
        {
            if (count == branches.Count)
                continue;
            Variable? outer = parent?.Find(name);
            _loads[Find(name)!] = outer is null ? new Origin(Source.Input, name, null) : new Origin(Source.Outer, name, outer);
        }
    }

    /// <param name="number">Numbers the names of the input.</param>
    /// <param name="setByTemplate">Finds what the template itself sets, where that is looked at before the input.</param>
    public Scope ToScope(Func<string, int> number, Func<string, SlotReference?>? setByTemplate = null) => new(
        [.. _loads.Where(load => load.Value.Source != Source.Parameter).Select(load => new SlotLoad(
            load.Key.Slot,
            load.Value.Source == Source.Input ? setByTemplate?.Invoke(load.Value.Name) : load.Value.Outer?.From(layout),
            load.Value.Source == Source.Input ? number(load.Value.Name) : -1))],
        [.. _loads.Keys.Select(variable => variable.Slot)]);

    private Variable Define(string name, Origin load)
    {
        Variable variable = layout.Variable(level, name);
        _variables[name] = variable;
        _loads[variable] = load;
        return variable;
    }

    private sealed record Origin(Source Source, string Name, Variable? Outer);
}
