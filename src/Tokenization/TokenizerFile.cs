// Longer than other files: the stream of vocabulary and merges is read in one pass over one reader.
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.Bpe;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>
/// What a tokenizer.json asks for. Vocabulary and merges, nearly all of the file, are read as a stream straight into their tables.
/// Anything that cannot be honoured exactly is refused by name.
/// </summary>
internal sealed class TokenizerFile
{
    public const string FileName = "tokenizer.json";

    /// <summary>A token takes about this many bytes of the file, its merge included.</summary>
    private const int FileBytesPerToken = 64;

    private bool _hasVocabulary;
    private bool _hasMerges;
    private bool _hasPreTokenizer;
    private bool _hasDecoder;

    private TokenizerFile(int fileLength)
    {
        Vocabulary = new Vocabulary(fileLength / FileBytesPerToken);
        Merges = new MergeRanks(fileLength / FileBytesPerToken);
    }

    public Vocabulary Vocabulary { get; }

    public MergeRanks Merges { get; }

    /// <summary>The token of each single byte.</summary>
    public int[] IdOfByte { get; } = new int[256];

    public bool IgnoreMerges { get; private set; }

    public Normalizer? Normalizer { get; private set; }

    public PreTokenizer PreTokenizer { get; private set; } = new(null, false);

    public List<AddedToken> AddedTokens { get; } = [];

    public string Hash { get; private init; } = "";

    /// <exception cref="TokenizerException">The file is missing, damaged, or asks for something that cannot be honoured exactly.</exception>
    public static TokenizerFile Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        byte[] json = ModelFiles.ReadAllBytes(path);
        TokenizerFile file = new(json.Length) { Hash = ModelFiles.Hash(json) };
        try
        {
            file.ReadRoot(json);
            file.FindByteTokens();
            return file;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new TokenizerException($"'{path}' is no valid tokenizer.json: {exception.Message}", exception);
        }
        catch (TokenizerException exception)
        {
            throw new TokenizerException($"'{path}' cannot be used: {exception.Message}", exception);
        }
    }

    private void ReadRoot(byte[] json)
    {
        Utf8JsonReader reader = new(json);
        Expect(ref reader, JsonTokenType.StartObject, "the file");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            if (member == "model")
                ReadModel(ref reader);
            else
                ReadPart(member, JsonElement.ParseValue(ref reader));
        }

        reader.Read(); // throws where something follows
        if (!_hasVocabulary || !_hasMerges)
            throw new TokenizerException("it has no model with 'vocab' and 'merges'; supported is a byte-level 'BPE'.");
        if (!_hasPreTokenizer || !_hasDecoder)
            throw new TokenizerException("it has no 'ByteLevel' pre_tokenizer and decoder; supported is a byte-level 'BPE'.");
        AddAddedTokens();
    }

    private void ReadPart(string member, JsonElement value)
    {
        switch (member)
        {
            case "added_tokens":
                foreach (JsonElement token in value.EnumerateArray())
                    AddedTokens.Add(TokenizerPipeline.ReadAddedToken(token));
                break;
            case "normalizer":
                Normalizer = TokenizerPipeline.ReadNormalizer(value);
                break;
            case "pre_tokenizer":
                PreTokenizer = TokenizerPipeline.ReadPreTokenizer(value);
                _hasPreTokenizer = true;
                break;
            case "post_processor":
                TokenizerPipeline.RequireKnownPostProcessor(value);
                break;
            case "decoder":
                TokenizerPipeline.RequireByteLevelDecoder(value);
                _hasDecoder = true;
                break;
            // Callers that pass no truncation or padding switch both off in the reference, whatever the file says.
            case "truncation" or "padding" or "version":
                break;
            default:
                throw new TokenizerException($"its member '{member}' is unknown.");
        }
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartObject, "'model' is no object");
        Utf8JsonReader mergesBeforeVocabulary = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            switch (member)
            {
                case "vocab":
                    ReadVocabulary(ref reader);
                    break;
                case "merges" when _hasVocabulary:
                    ReadMerges(ref reader);
                    break;
                case "merges":
                    mergesBeforeVocabulary = reader;
                    reader.Skip();
                    break;
                default:
                    ReadModelSetting(member, JsonElement.ParseValue(ref reader));
                    break;
            }
        }

        if (_hasVocabulary && !_hasMerges && mergesBeforeVocabulary.TokenType != JsonTokenType.None)
            ReadMerges(ref mergesBeforeVocabulary);
    }

    private void ReadModelSetting(string member, JsonElement value)
    {
        bool isOff = value.ValueKind is JsonValueKind.Null or JsonValueKind.False
            || (value.ValueKind == JsonValueKind.String && value.GetString() is "")
            || (value.ValueKind == JsonValueKind.Number && value.GetDouble() == 0);
        switch (member)
        {
            case "type" when value.ValueEquals("BPE"):
                break;
            case "type":
                throw new TokenizerException($"its model {value.GetRawText()} is not supported; supported is a byte-level \"BPE\".");
            case "ignore_merges":
                IgnoreMerges = value.GetBoolean();
                break;
            // With a token for every byte there is nothing unknown to replace or to fuse.
            case "unk_token" or "fuse_unk":
                break;
            case "dropout" or "continuing_subword_prefix" or "end_of_word_suffix" or "byte_fallback" when isOff:
                break;
            default:
                throw new TokenizerException($"its model setting '{member}' with value {value.GetRawText()} is not supported.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        Require(
            reader.TokenType == JsonTokenType.StartObject && !_hasVocabulary,
            "its 'vocab' is not one object of tokens and ids, as a byte-level 'BPE' has");
        byte[] spelling = new byte[256];
        byte[] bytes = new byte[256];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadOnlySpan<byte> name = Text(ref reader, ref spelling);
            if (bytes.Length < name.Length)
                bytes = new byte[name.Length * 2];
            int count = ByteLevelAlphabet.ToBytes(name, bytes);
            reader.Read();
            Require(reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out _), "an id in 'vocab' is no integer");
            if (count >= 0)
                Vocabulary.Add(reader.GetInt32(), bytes.AsSpan(0, count));
            else
                Vocabulary.AddUnindexed(reader.GetInt32(), name);
        }

        _hasVocabulary = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadMerges(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartArray && !_hasMerges, "'merges' is not one array");
        byte[] spelling = new byte[256];
        byte[] second = new byte[256];
        byte[] bytes = new byte[512];
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

            AddMerge(left, right, rank, ref bytes);
        }

        _hasMerges = true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMerge(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, int rank, ref byte[] bytes)
    {
        if (bytes.Length < left.Length + right.Length)
            bytes = new byte[(left.Length + right.Length) * 2];
        int leftCount = ByteLevelAlphabet.ToBytes(left, bytes);
        int rightCount = leftCount < 0 ? -1 : ByteLevelAlphabet.ToBytes(right, bytes.AsSpan(leftCount));
        int merged = -1;
        int rightId = -1;
        bool known = rightCount >= 0
            & Vocabulary.TryFind(bytes.AsSpan(0, Math.Max(leftCount, 0)), out int leftId)
            && Vocabulary.TryFind(bytes.AsSpan(leftCount, rightCount), out rightId)
            && Vocabulary.TryFind(bytes.AsSpan(0, leftCount + rightCount), out merged);
        if (!known)
        {
            throw new TokenizerException(
                $"merge {rank} ('{Encoding.UTF8.GetString(left)}' and '{Encoding.UTF8.GetString(right)}') uses a token that 'vocab' lacks.");
        }

        Merges.Add(leftId, rightId, rank, merged);
    }

    private void AddAddedTokens()
    {
        HashSet<string> contents = new(StringComparer.Ordinal);
        HashSet<int> ids = [];
        foreach (AddedToken token in AddedTokens)
        {
            byte[] spelling = Encoding.UTF8.GetBytes(token.Content);
            byte[] bytes = new byte[spelling.Length];
            int count = ByteLevelAlphabet.ToBytes(spelling, bytes);
            int known = -1;
            bool inVocabulary = count >= 0 && Vocabulary.TryFind(bytes.AsSpan(0, count), out known);
            Require(contents.Add(token.Content) && ids.Add(token.Id), $"the added token '{token.Content}' or its id {token.Id} is there twice");
            Require(!inVocabulary || known == token.Id, $"the added token '{token.Content}' has id {token.Id}, but in 'vocab' id {known}");
            if (!inVocabulary)
                Vocabulary.AddUnindexed(token.Id, count >= 0 ? bytes.AsSpan(0, count) : spelling);
        }
    }

    private void FindByteTokens()
    {
        for (int value = 0; value < 256; value++)
        {
            bool found = Vocabulary.TryFind([(byte)value], out int id);
            Require(found, $"'vocab' has no token for the byte 0x{value:X2}");
            IdOfByte[value] = id;
        }
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

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what) =>
        Require(reader.Read() && reader.TokenType == type, $"{what} is no JSON object");

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
