// Longer than other files: one machine whose instructions share its stack and its position.
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>
/// Runs a program on a text by backtracking. Ways not taken lie on a stack of its own, a whole run of a repeated set as one entry, so that
/// neither long texts nor nested patterns use up the thread's stack. A lone surrogate is read as U+FFFD.
/// </summary>
internal ref struct RegexMatcher
{
    /// <summary>Oniguruma gives up at as many retries.</summary>
    private const long MostSteps = 10_000_000;

    /// <summary>Marks an entry that puts a mark back to what it was.</summary>
    private const int RestoresMark = -2;

    /// <summary>Marks an entry that goes on at one position only.</summary>
    private const int SinglePosition = -1;

    private readonly RegexProgram _program;
    private readonly ReadOnlySpan<char> _text;
    private readonly int[] _marks;
    private Entry[] _stack;
    private int _depth;
    private long _steps;

    public RegexMatcher(RegexProgram program, ReadOnlySpan<char> text)
    {
        _program = program;
        _text = text;
        _marks = program.MarkCount == 0 ? [] : new int[program.MarkCount];
        _stack = ArrayPool<Entry>.Shared.Rent(64);
    }

    public readonly void Dispose() => ArrayPool<Entry>.Shared.Return(_stack);

    /// <summary>Where a match that begins at a position ends, or -1 where none does.</summary>
    public int MatchEnd(int start) => Run(0, start, requiredEnd: -1);

    private int Run(int at, int position, int requiredEnd)
    {
        Instruction[] instructions = _program.Instructions;
        int floor = _depth;
        while (true)
        {
            ref readonly Instruction instruction = ref instructions[at++];
            bool hasMatched = true;
            switch (instruction.Opcode)
            {
                case Opcode.Accept:
                    if (requiredEnd < 0 || position == requiredEnd)
                    {
                        _depth = floor;
                        return position;
                    }

                    hasMatched = false;
                    break;
                case Opcode.Set:
                    hasMatched = TryTake(instruction.Set!, ref position);
                    break;
                case Opcode.RepeatSet:
                    hasMatched = TryRepeat(instruction, at, ref position);
                    break;
                case Opcode.Jump:
                    at = instruction.A;
                    break;
                case Opcode.Split:
                    Push(new Entry(instruction.B, position, SinglePosition));
                    at = instruction.A;
                    break;
                case Opcode.Mark:
                    Push(new Entry(instruction.A, _marks[instruction.A], RestoresMark));
                    _marks[instruction.A] = position;
                    break;
                case Opcode.JumpIfMoved:
                    at = _marks[instruction.A] == position ? at : instruction.B;
                    break;
                case Opcode.Anchor:
                    hasMatched = IsAtAnchor((AnchorKind)instruction.A, position);
                    break;
                case Opcode.Atomic:
                    int end = Run(at, position, requiredEnd: -1);
                    hasMatched = end >= 0;
                    position = hasMatched ? end : position;
                    at = instruction.A;
                    break;
                case Opcode.LookAhead or Opcode.NotLookAhead:
                    hasMatched = Run(at, position, requiredEnd: -1) >= 0 == (instruction.Opcode == Opcode.LookAhead);
                    at = instruction.A;
                    break;
                case Opcode.LookBehind or Opcode.NotLookBehind:
                    hasMatched = MatchesBefore(at, position, instruction.B) == (instruction.Opcode == Opcode.LookBehind);
                    at = instruction.A;
                    break;
            }

            if (!hasMatched && !TryBacktrack(floor, ref at, ref position))
                return -1;
        }
    }

    /// <summary>Goes back to the last way not taken, if there is one above the floor of the stack.</summary>
    private bool TryBacktrack(int floor, ref int at, ref int position)
    {
        Count(1);
        while (_depth > floor)
        {
            ref Entry entry = ref _stack[--_depth];
            if (entry.Least == RestoresMark)
            {
                _marks[entry.At] = entry.Position;
                continue;
            }

            at = entry.At;
            position = entry.Position;
            if (entry.Least == SinglePosition)
                return true;
            // One character less of the run; the entry stays where more can be given back.
            position -= IsAfterPair(position) ? 2 : 1;
            entry = entry with { Position = position };
            if (position > entry.Least)
                _depth++;
            return true;
        }

        return false;
    }

    private bool TryTake(RuneSet set, ref int position)
    {
        if (position >= _text.Length)
            return false;
        int character = CharacterAt(position, out int length);
        if (!set.Contains(character))
            return false;
        position += length;
        return true;
    }

    private bool TryRepeat(in Instruction instruction, int next, ref int position)
    {
        int start = position;
        int least = instruction.A == 0 ? start : -1; // where the least count is reached
        int count = 0;
        while (count < instruction.B && TryTake(instruction.Set!, ref position))
        {
            if (++count == instruction.A)
                least = position;
        }

        Count((position - start) >> 4);
        if (least < 0)
            return false;
        if (instruction.Kind == RepeatKind.Greedy && position > least)
            Push(new Entry(next, position, least));
        return true;
    }

    /// <summary>Whether a body matches from some position before so that it ends exactly at this one.</summary>
    private bool MatchesBefore(int body, int position, int leastLength)
    {
        int start = position;
        for (int i = 0; i < leastLength; i++)
        {
            if (start == 0)
                return false;
            start -= IsAfterPair(start) ? 2 : 1;
        }

        while (true)
        {
            if (Run(body, start, requiredEnd: position) >= 0)
                return true;
            if (start == 0)
                return false;
            start -= IsAfterPair(start) ? 2 : 1;
        }
    }

    private readonly bool IsAtAnchor(AnchorKind kind, int position) => kind switch
    {
        AnchorKind.LineStart => position == 0 || (_text[position - 1] == '\n' && position < _text.Length),
        AnchorKind.LineEnd => position == _text.Length || _text[position] == '\n',
        AnchorKind.TextStart => position == 0,
        AnchorKind.TextEnd => position == _text.Length,
        AnchorKind.TextEndOrLastNewLine => position == _text.Length || (position == _text.Length - 1 && _text[position] == '\n'),
        AnchorKind.WordBoundary => IsWordBefore(position) != IsWordAt(position),
        _ => IsWordBefore(position) == IsWordAt(position),
    };

    private readonly bool IsWordAt(int position) => position < _text.Length && UnicodeProperties.LooseWord.Contains(CharacterAt(position, out _));

    private readonly bool IsWordBefore(int position) => position > 0 && IsWordAt(position - (IsAfterPair(position) ? 2 : 1));

    private readonly bool IsAfterPair(int position) =>
        position > 1 && char.IsLowSurrogate(_text[position - 1]) && char.IsHighSurrogate(_text[position - 2]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int CharacterAt(int position, out int length)
    {
        char unit = _text[position];
        length = 1;
        if (!char.IsSurrogate(unit))
            return unit;
        Rune.DecodeFromUtf16(_text[position..], out Rune rune, out length);
        return rune.Value;
    }

    private void Push(Entry entry)
    {
        if (_depth == _stack.Length)
        {
            Entry[] larger = ArrayPool<Entry>.Shared.Rent(_depth * 2);
            _stack.CopyTo(larger, 0);
            ArrayPool<Entry>.Shared.Return(_stack);
            _stack = larger;
        }

        _stack[_depth++] = entry;
    }

    private void Count(int steps)
    {
        _steps += steps;
        if (_steps > MostSteps)
            throw new TokenizerException($"The pattern '{_program.Pattern}' takes more than {MostSteps:N0} steps on a text.");
    }

    /// <summary>A way not taken.</summary>
    /// <param name="At">The instruction that goes on, or the mark.</param>
    /// <param name="Position">Where in the text, or what the mark was.</param>
    /// <param name="Least">Where a repeated set may be given back: the least position; else what kind of entry it is.</param>
    private readonly record struct Entry(int At, int Position, int Least);
}
