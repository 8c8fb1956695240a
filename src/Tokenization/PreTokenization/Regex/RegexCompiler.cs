namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>Turns a parsed pattern into instructions.</summary>
internal sealed class RegexCompiler
{
    private const int MostInstructions = 20_000;

    private readonly string _pattern;
    private readonly List<Instruction> _instructions = [];
    private int _marks;

    private RegexCompiler(string pattern) => _pattern = pattern;

    /// <exception cref="TokenizerException">The pattern is malformed, uses syntax that is not supported, or is too large.</exception>
    public static RegexProgram Compile(string pattern)
    {
        RegexNode root = RegexParser.Parse(pattern);
        RegexCompiler compiler = new(pattern);
        compiler.Emit(root);
        compiler.Add(new Instruction(Opcode.Accept));
        return new RegexProgram(pattern, [.. compiler._instructions], compiler._marks, RegexShape.IsNullable(root) ? null : RegexShape.FirstSet(root));
    }

    private int Add(Instruction instruction)
    {
        if (_instructions.Count == MostInstructions)
            throw new TokenizerException($"The pattern '{_pattern}' is too large: it takes more than {MostInstructions} instructions.");
        _instructions.Add(instruction);
        return _instructions.Count - 1;
    }

    private void Emit(RegexNode node)
    {
        switch (node)
        {
            case SetNode set:
                Add(new Instruction(Opcode.Set, Set: set.Set));
                break;
            case ConcatNode concat:
                foreach (RegexNode part in concat.Parts)
                    Emit(part);
                break;
            case AlternationNode alternation:
                EmitAlternation(alternation.Alternatives);
                break;
            case RepeatNode repeat:
                EmitRepeat(repeat);
                break;
            case AtomicNode atomic:
                EmitBody(Opcode.Atomic, atomic.Body);
                break;
            case LookNode { IsBehind: false } look:
                EmitBody(look.IsNegative ? Opcode.NotLookAhead : Opcode.LookAhead, look.Body);
                break;
            case LookNode look:
                EmitBody(look.IsNegative ? Opcode.NotLookBehind : Opcode.LookBehind, look.Body, RegexShape.LeastLength(look.Body));
                break;
            case AnchorNode anchor:
                Add(new Instruction(Opcode.Anchor, (int)anchor.Kind));
                break;
        }
    }

    private void EmitAlternation(IReadOnlyList<RegexNode> alternatives)
    {
        List<int> exits = [];
        for (int i = 0; i < alternatives.Count; i++)
        {
            bool isLast = i == alternatives.Count - 1;
            int split = isLast ? -1 : Add(new Instruction(Opcode.Split));
            Emit(alternatives[i]);
            if (isLast)
                break;
            exits.Add(Add(new Instruction(Opcode.Jump)));
            _instructions[split] = new Instruction(Opcode.Split, split + 1, _instructions.Count);
        }

        foreach (int exit in exits)
            _instructions[exit] = new Instruction(Opcode.Jump, _instructions.Count);
    }

    private void EmitRepeat(RepeatNode repeat)
    {
        if (repeat.Kind != RepeatKind.Lazy && repeat.Body is SetNode set)
        {
            Add(new Instruction(Opcode.RepeatSet, repeat.Least, repeat.Most, set.Set, repeat.Kind));
            return;
        }

        if (repeat.Kind == RepeatKind.Possessive)
        {
            EmitBody(Opcode.Atomic, repeat with { Kind = RepeatKind.Greedy });
            return;
        }

        for (int i = 0; i < repeat.Least; i++)
            Emit(repeat.Body);
        if (repeat.Most == RepeatNode.Unlimited)
            EmitLoop(repeat);
        else
            EmitOptionals(repeat);
    }

    private void EmitLoop(RepeatNode repeat)
    {
        int split = Add(new Instruction(Opcode.Split));
        int mark = _marks++;
        Add(new Instruction(Opcode.Mark, mark));
        Emit(repeat.Body);
        Add(new Instruction(Opcode.JumpIfMoved, mark, split));
        SetSplit(split, repeat.Kind);
    }

    private void EmitOptionals(RepeatNode repeat)
    {
        List<int> splits = [];
        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            splits.Add(Add(new Instruction(Opcode.Split)));
            Emit(repeat.Body);
        }

        foreach (int split in splits)
            SetSplit(split, repeat.Kind);
    }

    /// <summary>Lets a split choose between what follows it and the end of what is emitted.</summary>
    private void SetSplit(int split, RepeatKind kind) => _instructions[split] = kind == RepeatKind.Lazy
        ? new Instruction(Opcode.Split, _instructions.Count, split + 1)
        : new Instruction(Opcode.Split, split + 1, _instructions.Count);

    private void EmitBody(Opcode opcode, RegexNode body, int b = 0)
    {
        int start = Add(new Instruction(opcode));
        Emit(body);
        Add(new Instruction(Opcode.Accept));
        _instructions[start] = new Instruction(opcode, _instructions.Count, b);
    }
}
