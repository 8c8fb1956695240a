// Longer than other files: the stream of vocabulary and merges is read in one pass over one reader.
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.Bpe;

namespace AgentRollout.Tokenization.Models;

/// <summary>
/// Reads the <c>model</c> of a tokenizer.json. Vocabulary and merges, nearly all of the file, are read as a stream straight into their
/// tables.
/// </summary>
internal sealed class ModelReader
{
    /// <summary>A token takes about this many bytes of the file, its merge included.</summary>
    private const int FileBytesPerToken = 64;

    private const string PrefixMember = "continuing_subword_prefix";

    private readonly Dictionary<string, JsonElement> _settings = new(StringComparer.Ordinal);
    private bool _hasVocabulary;
    private List<double>? _scores; // [id], where the vocabulary has scores in place of ids
    private MergeRanks? _merges;
    private int _nextMerged; // the token that the next merge probably makes

    public ModelReader(int fileLength) => Vocabulary = new Vocabulary(fileLength / FileBytesPerToken);

    public Vocabulary Vocabulary { get; }

    /// <exception cref="TokenizerException">The model is damaged, or asks for something that cannot be honoured exactly.</exception>
    public TokenModel Read(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartObject, "'model' is no object");
        Utf8JsonReader laterMerges = default; // merges need the vocabulary and the prefix of subwords
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            switch (member)
            {
                case "vocab":
                    ReadVocabulary(ref reader);
                    break;
                case "merges" when _hasVocabulary && _settings.ContainsKey(PrefixMember):
                    ReadMerges(ref reader);
                    break;
                case "merges":
                    laterMerges = reader;
                    reader.Skip();
                    break;
                default:
                    _settings[member] = JsonElement.ParseValue(ref reader);
                    break;
            }
        }

        Require(_hasVocabulary, "its model has no 'vocab'");
        if (_merges is null && laterMerges.TokenType != JsonTokenType.None)
            ReadMerges(ref laterMerges);
        return Create();
    }

    private TokenModel Create()
    {
        string type = Setting("type") is { ValueKind: JsonValueKind.String } name ? name.GetString()! : TypeOfUnnamed();
        Require((type == "Unigram") == _scores is not null, $"its 'vocab' is not what a {type} model has: scores for Unigram, else ids");
        switch (type)
        {
            case "BPE":
                AllowSettings("dropout", "unk_token", PrefixMember, "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges");
                Require(_merges is not null, "its BPE model has no 'merges'");
                return new BpeModel(Vocabulary, _merges!, BpeSettings());
            case "WordPiece":
                AllowSettings("unk_token", PrefixMember, "max_input_chars_per_word");
                RequirePlainVocabulary(type);
                return new WordPieceModel(Vocabulary, Unknown("[UNK]"), Text(PrefixMember) ?? "##", MaxCharacters());
            case "WordLevel":
                AllowSettings("unk_token");
                RequirePlainVocabulary(type);
                return new WordLevelModel(Vocabulary, Unknown("<unk>"));
            case "Unigram":
                AllowSettings("unk_id", "byte_fallback");
                RequirePlainVocabulary(type);
                return new UnigramModel(Vocabulary, _scores!, UnknownId(), Flag("byte_fallback"));
            default:
                throw JsonParts.Unsupported("model", type, "BPE, Unigram, WordLevel, WordPiece");
        }
    }

    /// <summary>Older files do not name the type; their members tell it.</summary>
    private string TypeOfUnnamed() => _merges is not null ? "BPE"
        : _scores is not null ? "Unigram"
        : _settings.ContainsKey("max_input_chars_per_word") ? "WordPiece"
        : "WordLevel";

    private BpeSettings BpeSettings()
    {
        if (Setting("dropout") is { ValueKind: JsonValueKind.Number } dropout && dropout.GetDouble() != 0)
            throw new TokenizerException($"its 'dropout' {dropout.GetRawText()} makes ids random, which is not supported.");
        return new BpeSettings(
            Text("unk_token"), Flag("fuse_unk"), Flag("byte_fallback"), Flag("ignore_merges"), Text(PrefixMember) ?? "", Text("end_of_word_suffix") ?? "");
    }

    private int MaxCharacters() => Setting("max_input_chars_per_word") is { } limit ? (int)Math.Min(limit.GetUInt64(), int.MaxValue) : 100;

    private int? UnknownId()
    {
        if (Setting("unk_id") is not { ValueKind: not JsonValueKind.Null } setting)
            return null;
        return setting.TryGetInt32(out int id) && Vocabulary.Contains(id)
            ? id
            : throw new TokenizerException($"its 'unk_id' {setting.GetRawText()} is the id of no token.");
    }

    private UnknownToken Unknown(string absent) => new(Text("unk_token") ?? absent, Vocabulary);

    private JsonElement? Setting(string name) => _settings.TryGetValue(name, out JsonElement value) ? value : null;

    private string? Text(string name) => Setting(name)?.GetString();

    private bool Flag(string name) => Setting(name) is { ValueKind: not JsonValueKind.Null } value && value.GetBoolean();

    private void AllowSettings(params string[] known)
    {
        foreach ((string name, JsonElement value) in _settings)
        {
            if (name != "type" && !known.Contains(name))
                throw new TokenizerException($"its model setting '{name}' with value {value.GetRawText()} is not supported.");
        }
    }

    private void RequirePlainVocabulary(string type) =>
        Require(_merges is null, $"its {type} model has 'merges'");

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        Require(!_hasVocabulary, "its 'vocab' is there twice");
        if (reader.TokenType == JsonTokenType.StartArray)
            ReadScores(ref reader);
        else
            ReadIds(ref reader);
        Vocabulary.BuildIndex();
        _hasVocabulary = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadIds(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartObject, "its 'vocab' is neither an object of tokens and ids nor an array of tokens and scores");
        byte[] spelling = new byte[256];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadOnlySpan<byte> name = Text(ref reader, ref spelling);
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
                throw new TokenizerException("an id in 'vocab' is no integer.");
            Vocabulary.Add(id, name);
        }
    }

    /// <summary>Pairs of a token and its score; the ids are their places.</summary>
    private void ReadScores(ref Utf8JsonReader reader)
    {
        _scores = [];
        byte[] spelling = new byte[256];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Require(reader.TokenType == JsonTokenType.StartArray && reader.Read(), "a token in 'vocab' has no score");
            Vocabulary.Add(_scores.Count, Text(ref reader, ref spelling));
            Require(reader.Read() && reader.TokenType == JsonTokenType.Number, "a score in 'vocab' is no number");
            _scores.Add(ReferenceNumber.Parse(reader.ValueSpan));
            Require(reader.Read() && reader.TokenType == JsonTokenType.EndArray, "a token in 'vocab' has more than a score");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadMerges(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartArray && _merges is null, "'merges' is not one array");
        int prefixLength = Encoding.UTF8.GetByteCount(Text(PrefixMember) ?? "");
        byte[] spelling = new byte[256];
        byte[] second = new byte[256];
        byte[] joined = new byte[512];
        MergeRanks merges = new(Vocabulary.IndexedCount);
        for (int rank = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; rank++)
        {
            ReadOnlySpan<byte> left;
            ReadOnlySpan<byte> right;
            if (reader.TokenType == JsonTokenType.String)
            {
                ReadOnlySpan<byte> pair = Text(ref reader, ref spelling);
                int space = pair.IndexOf((byte)' ');
                Require(space >= 0 && pair.LastIndexOf((byte)' ') == space, "a merge is not two tokens with one space between them", rank);
                left = pair[..space];
                right = pair[(space + 1)..];
            }
            else
            {
                Require(reader.TokenType == JsonTokenType.StartArray && reader.Read(), "a merge is neither a string nor an array", rank);
                left = Text(ref reader, ref spelling);
                Require(reader.Read(), "a merge ends early", rank);
                right = Text(ref reader, ref second);
                Require(reader.Read() && reader.TokenType == JsonTokenType.EndArray, "a merge has more than two tokens", rank);
            }

            AddMerge(merges, left, right, rank, prefixLength, ref joined);
        }

        _merges = merges;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMerge(MergeRanks merges, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, int rank, int prefixLength, ref byte[] joined)
    {
        if (joined.Length < left.Length + right.Length)
            joined = new byte[(left.Length + right.Length) * 2];
        ReadOnlySpan<byte> tail = right[Math.Min(prefixLength, right.Length)..];
        left.CopyTo(joined);
        tail.CopyTo(joined.AsSpan(left.Length));
        int rightId = -1;
        int merged = -1;
        bool known = Vocabulary.TryFind(left, out int leftId)
            && Vocabulary.TryFind(right, out rightId)
            && TryFindMerged(joined.AsSpan(0, left.Length + tail.Length), out merged);
        if (!known)
        {
            throw new TokenizerException(
                $"merge {rank} ('{Encoding.UTF8.GetString(left)}' and '{Encoding.UTF8.GetString(right)}') uses a token that 'vocab' lacks.");
        }

        merges.Add(leftId, rightId, rank, merged);
    }

    /// <summary>Merges mostly stand in the order of the tokens that they make.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryFindMerged(ReadOnlySpan<byte> spelling, out int id)
    {
        id = _nextMerged;
        bool found = (Vocabulary.Contains(id) && spelling.SequenceEqual(Vocabulary.Bytes(id))) || Vocabulary.TryFind(spelling, out id);
        _nextMerged = id + 1;
        return found;
    }

    /// <summary>The string or member name that the reader stands on, without escapes; <paramref name="buffer"/> holds it where it had some.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader reader, scoped ref byte[] buffer)
    {
        Require(reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName, "a token is no string");
        if (!reader.ValueIsEscaped)
            return reader.ValueSpan;
        if (buffer.Length < reader.ValueSpan.Length)
            buffer = new byte[reader.ValueSpan.Length * 2];
        return buffer.AsSpan(0, reader.CopyString(buffer));
    }

    private static void Require(bool condition, string problem, int rank)
    {
        if (!condition)
            throw new TokenizerException(string.Create(CultureInfo.InvariantCulture, $"{problem} (merge {rank})."));
    }

    private static void Require(bool condition, string problem)
    {
        if (!condition)
            throw new TokenizerException(problem + ".");
    }
}
