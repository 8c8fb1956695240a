using System.Text;
using AgentRollout.Tokenization.Bpe;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>
/// A byte-level BPE tokenizer of the GPT-2, Qwen and Llama-3 classes, read from Hugging Face's <c>tokenizer.json</c>. It gives the ids that
/// Hugging Face's tokenizers give with <c>add_special_tokens=false</c>, or refuses the file. Thread-safe.
/// </summary>
public sealed class Tokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly BytePairMerger _merger;
    private readonly int[] _idOfByte;
    private readonly PreTokenizer _preTokenizer;
    private readonly Normalizer? _normalizer;
    private readonly bool _ignoresMerges;
    private readonly Dictionary<int, AddedToken> _addedTokens;
    private readonly Dictionary<string, int> _addedIds;
    private readonly AddedTokenMatcher _matcher;
    private readonly AddedTokenMatcher _normalizedMatcher;
    private readonly WordCache _cache = new();

    internal Tokenizer(TokenizerFile file, TokenizerConfig config)
    {
        _vocabulary = file.Vocabulary;
        _merger = new BytePairMerger(file.Merges);
        _idOfByte = file.IdOfByte;
        _preTokenizer = file.PreTokenizer;
        _normalizer = file.Normalizer;
        _ignoresMerges = file.IgnoreMerges;
        _addedTokens = file.AddedTokens.ToDictionary(token => token.Id);
        _addedIds = file.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        _matcher = new AddedTokenMatcher(file.AddedTokens.Where(token => !token.Normalized).Select(token => (token, token.Content)));
        _normalizedMatcher = new AddedTokenMatcher(
            file.AddedTokens.Where(token => token.Normalized).Select(token => (token, Normalize(token.Content))));
        Hash = file.Hash;
        BosToken = config.BosToken;
        EosToken = config.EosToken;
        PadToken = config.PadToken;
    }

    /// <summary>One more than the largest id: the vocabulary's ids need not be contiguous.</summary>
    public int VocabularySize => _vocabulary.Size;

    /// <summary><c>sha256:</c> and the digest of tokenizer.json.</summary>
    public string Hash { get; }

    /// <summary>The begin-of-text token that tokenizer_config.json names, if any.</summary>
    public string? BosToken { get; }

    /// <summary>The end token that tokenizer_config.json names, if any.</summary>
    public string? EosToken { get; }

    /// <summary>The padding token that tokenizer_config.json names, if any.</summary>
    public string? PadToken { get; }

    /// <summary>Reads <c>tokenizer.json</c> and, where it is there, <c>tokenizer_config.json</c> of a model's directory.</summary>
    /// <exception cref="TokenizerException">A file is missing, damaged, or asks for something that cannot be honoured exactly.</exception>
    public static Tokenizer Load(string directory) => new(TokenizerFile.Read(directory), TokenizerConfig.Read(directory));

    /// <summary>The ids of a text. Lone surrogates are encoded as U+FFFD.</summary>
    public int[] Encode(ReadOnlySpan<char> text, AddedTokenMatching matching = AddedTokenMatching.All)
    {
        using TokenSink sink = Encode(text, MatchScope.Of(matching), keepStarts: false);
        return sink.Ids();
    }

    /// <summary>The ids of a text, with the position in the text where each token begins.</summary>
    public TokenizedText EncodeWithStarts(ReadOnlySpan<char> text, AddedTokenMatching matching = AddedTokenMatching.All) =>
        EncodeWithStarts(text, MatchScope.Of(matching));

    /// <summary>
    /// The ids of a text some parts of which nobody vouches for, with the position where each token begins. What spells an added token is
    /// one only where it touches no untrusted character; else the ids are those of the whole text encoded at once, so that ordinary tokens
    /// may reach across the border of a part just as in Hugging Face's tokenizers.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="untrusted">Its untrusted parts, in order and without overlap.</param>
    public TokenizedText EncodeWithStarts(ReadOnlySpan<char> text, IReadOnlyList<CharSpan> untrusted) =>
        EncodeWithStarts(text, new MatchScope(untrusted));

    /// <summary>The text of tokens. Bytes that are no UTF-8 come out as U+FFFD, and so does an id without a token.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        byte[] bytes = new byte[ByteCount(ids, skipSpecialTokens)];
        int count = 0;
        foreach (int id in ids)
        {
            if (skipSpecialTokens && IsSpecial(id))
                continue;
            ReadOnlySpan<byte> token = BytesOf(id);
            token.CopyTo(bytes.AsSpan(count));
            count += token.Length;
        }

        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>The id of a token by its text: an added token's content, or the exact text of an ordinary token.</summary>
    public bool TryGetId(string token, out int id) =>
        _addedIds.TryGetValue(token, out id) || _vocabulary.TryFind(Encoding.UTF8.GetBytes(token), out id);

    /// <summary>Whether a token has the id. Models often have logits for more ids than their tokenizer has tokens.</summary>
    public bool Contains(int id) => _vocabulary.Contains(id);

    /// <summary>Whether an id is an added token, which encoding recognises in text as a whole.</summary>
    public bool IsAdded(int id) => _addedTokens.ContainsKey(id);

    /// <summary>Whether an id is a control token.</summary>
    public bool IsSpecial(int id) => _addedTokens.TryGetValue(id, out AddedToken? token) && token.Special;

    /// <summary>A token for display: its text with control characters escaped, or its bytes as <c>&lt;0xE2&gt;</c> where they are no text.</summary>
    public string Describe(int id)
    {
        ReadOnlySpan<byte> bytes = BytesOf(id);
        StringBuilder text = new();
        while (!bytes.IsEmpty)
        {
            bool isText = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (!isText)
                text.Append($"<0x{bytes[0]:X2}>");
            else if (Rune.IsControl(rune))
                text.Append(rune.Value switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", int value => $"\\x{value:x2}" });
            else
                text.Append(rune);
            bytes = bytes[(isText ? length : 1)..];
        }

        return text.ToString();
    }

    /// <summary>
    /// The bytes a token stands for; they need not be whole characters. An id without a token, which a model with a padded output layer
    /// may sample, stands for U+FFFD: what was sampled can always be read.
    /// </summary>
    public ReadOnlySpan<byte> BytesOf(int id) => _vocabulary.Contains(id) ? _vocabulary.Bytes(id) : "\uFFFD"u8;

    private TokenizedText EncodeWithStarts(ReadOnlySpan<char> text, in MatchScope scope)
    {
        using TokenSink sink = Encode(text, scope, keepStarts: true);
        return new TokenizedText(sink.Ids(), sink.Starts(), text.Length);
    }

    private TokenSink Encode(ReadOnlySpan<char> text, in MatchScope scope, bool keepStarts)
    {
        TokenSink sink = new(_vocabulary, keepStarts);
        TextPiece whole = new(text, 0);
        if (scope.IsEmpty || _matcher.IsEmpty)
            EncodeNormalized(whole, scope, ref sink);
        else
            EncodeAround(_matcher, whole, scope, normalized: false, ref sink);
        return sink;
    }

    /// <summary>Encodes what stands between the added tokens of a matcher.</summary>
    private void EncodeAround(AddedTokenMatcher matcher, in TextPiece piece, in MatchScope scope, bool normalized, ref TokenSink sink)
    {
        int done = 0;
        int searchFrom = 0;
        while (true)
        {
            bool found = matcher.TryFind(piece, scope, searchFrom, done, out AddedTokenMatch match);
            TextPiece between = piece.Slice(done, found ? match.Start : piece.Text.Length);
            if (normalized)
                EncodeWords(between, ref sink);
            else
                EncodeNormalized(between, scope, ref sink);
            if (!found)
                return;
            sink.AddToken(match.Token.Id, piece.Origin(match.Start));
            done = match.End;
            searchFrom = match.SearchFrom;
        }
    }

    private void EncodeNormalized(in TextPiece piece, in MatchScope scope, ref TokenSink sink)
    {
        TextPiece normalized = piece;
        if (_normalizer is not null && _normalizer.TryChange(piece.Text, out char[] text, out int[] origins))
            normalized = new TextPiece(text, piece.Origin(0), origins);
        if (scope.IsEmpty || _normalizedMatcher.IsEmpty)
            EncodeWords(normalized, ref sink);
        else
            EncodeAround(_normalizedMatcher, normalized, scope, normalized: true, ref sink);
    }

    private void EncodeWords(in TextPiece piece, ref TokenSink sink)
    {
        if (piece.Text.IsEmpty)
            return;
        TextPiece source = _preTokenizer.AddPrefixSpace && piece.Text[0] != ' ' ? piece.WithPrefixSpace() : piece;
        ReadOnlySpan<char> text = source.Text;
        for (int start = 0; start < text.Length;)
        {
            int end = _preTokenizer.Scanner?.WordEnd(text, start) ?? text.Length;
            ReadOnlySpan<char> word = text[start..end];
            if (!_cache.TryGet(word, out int[] ids))
            {
                ids = EncodeWord(word);
                _cache.Set(word, ids);
            }

            sink.AddWord(ids, word, start, source);
            start = end;
        }
    }

    private int[] EncodeWord(ReadOnlySpan<char> word)
    {
        int maxBytes = Encoding.UTF8.GetMaxByteCount(word.Length);
        Span<byte> buffer = maxBytes <= 512 ? stackalloc byte[maxBytes] : new byte[maxBytes];
        ReadOnlySpan<byte> bytes = buffer[..Encoding.UTF8.GetBytes(word, buffer)];
        if (_ignoresMerges && _vocabulary.TryFind(bytes, out int id))
            return [id];

        Span<int> tokens = bytes.Length <= 512 ? stackalloc int[bytes.Length] : new int[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
            tokens[i] = _idOfByte[bytes[i]];
        return tokens[.._merger.Merge(tokens)].ToArray();
    }

    private int ByteCount(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        int count = 0;
        foreach (int id in ids)
        {
            int length = BytesOf(id).Length;
            if (!skipSpecialTokens || !IsSpecial(id))
                count = checked(count + length);
        }

        return count;
    }

    private string Normalize(string content) =>
        _normalizer is not null && _normalizer.TryChange(content, out char[] changed, out _) ? new string(changed) : content;
}
