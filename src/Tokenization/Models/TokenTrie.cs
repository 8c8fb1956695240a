using System.Runtime.InteropServices;

namespace AgentRollout.Tokenization.Models;

/// <summary>The spellings of a vocabulary as a tree of bytes: finds every token that a text begins with in one walk. Immutable.</summary>
internal sealed class TokenTrie
{
    public const int Root = 0;

    private readonly List<byte> _labels = [0]; // [node], the byte that leads there; children of a node lie side by side
    private readonly List<int> _firstChildren = []; // [node], and one more that ends the last node's children
    private readonly List<int> _ids = []; // [node], -1 where no token ends

    public TokenTrie(Vocabulary vocabulary)
    {
        int[] ids = [.. Enumerable.Range(0, vocabulary.Size).Where(vocabulary.Contains)];
        Array.Sort(ids, (left, right) => vocabulary.Bytes(left).SequenceCompareTo(vocabulary.Bytes(right)));
        Queue<(int First, int End, int Depth)> open = new([(0, ids.Length, 0)]); // tokens with the same bytes up to the depth
        while (open.TryDequeue(out (int First, int End, int Depth) node))
            AddNode(vocabulary, ids, node.First, node.End, node.Depth, open);
        _firstChildren.Add(_labels.Count);
    }

    /// <summary>The node that a byte leads to, or -1.</summary>
    public int Child(int node, byte label)
    {
        int first = _firstChildren[node];
        int index = CollectionsMarshal.AsSpan(_labels)[first.._firstChildren[node + 1]].IndexOf(label);
        return index < 0 ? -1 : first + index;
    }

    /// <summary>The token whose spelling ends at a node, or -1.</summary>
    public int Id(int node) => _ids[node];

    private void AddNode(Vocabulary vocabulary, int[] ids, int first, int end, int depth, Queue<(int First, int End, int Depth)> open)
    {
        bool endsHere = first < end && vocabulary.Bytes(ids[first]).Length == depth;
        _ids.Add(endsHere ? ids[first++] : -1);
        _firstChildren.Add(_labels.Count);
        while (first < end)
        {
            byte label = vocabulary.Bytes(ids[first])[depth];
            int next = first + 1;
            while (next < end && vocabulary.Bytes(ids[next])[depth] == label)
                next++;
            _labels.Add(label);
            open.Enqueue((first, next, depth + 1));
            first = next;
        }
    }
}
