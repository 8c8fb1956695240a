using System.Buffers;
using System.Text;
using System.Text.Unicode;
using AgentRollout.Tokenization.Bpe;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Decoding;
using AgentRollout.Tokenization.Models;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PostProcessing;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>
/// A tokenizer, read from Hugging Face's <c>tokenizer.json</c>. It gives the ids and texts that Hugging Face's tokenizers give, or refuses the
/// file. Thread-safe.
/// </summary>
public sealed class Tokenizer
{
    /// <summary>Three bytes of UTF-8, each of which the byte-level alphabet spells with two at most.</summary>
    private const int SpellingBytesPerUnit = 9;

    private readonly Vocabulary _vocabulary;
    private readonly TokenModel _model;
    private readonly Normalizer? _normalizer;
    private readonly PreTokenizer _preTokenizer;
    private readonly PostProcessor _postProcessor;
    private readonly Dictionary<int, AddedToken> _addedTokens;
    private readonly Dictionary<string, int> _addedIds;
    private readonly AddedTokenMatcher _matcher;
    private readonly AddedTokenMatcher _normalizedMatcher;
    private readonly Dictionary<int, string> _normalizedContents; // added tokens that are looked for in normalized text
    private readonly HashSet<string> _skipped;
    private readonly Lazy<TokenBytes> _bytes;
    private readonly WordCache _cache = new();

    internal Tokenizer(TokenizerFile file, TokenizerConfig config)
    {
        _vocabulary = file.Vocabulary;
        _model = file.Model;
        _normalizer = file.Normalizer;
        _preTokenizer = WithSeams(file.PreTokenizer);
        _postProcessor = file.PostProcessor;
        _addedTokens = file.AddedTokens.ToDictionary(token => token.Id);
        _addedIds = file.AddedTokens.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        AddedToken[] tokens = [.. file.AddedTokens.OrderByDescending(token => token.Special)];
        _matcher = new AddedTokenMatcher(tokens.Where(token => !token.Normalized).Select(token => (token, token.Content)));
        _normalizedMatcher = new AddedTokenMatcher(tokens.Where(token => token.Normalized).Select(token => (token, Normalize(token.Content))));
        Decoder = file.Decoder;
        _normalizedContents = tokens.Where(token => token.Normalized).ToDictionary(token => token.Id, token => Normalize(token.Content));
        _skipped = [.. tokens.Where(token => token.Special).Select(token => token.Content)];
        _bytes = new Lazy<TokenBytes>(() => new TokenBytes(VocabularySize, id => Contains(id) ? Spelling(id) : null, Decoder));
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

    /// <summary>How tokens become text.</summary>
    internal TokenDecoder Decoder { get; }

    /// <summary>
    /// The ids of a text, without the special tokens that the file's post-processor puts around texts. Lone surrogates are encoded as U+FFFD.
    /// </summary>
    /// <exception cref="TokenizerException">The text holds what the vocabulary does not know, and there is no token for that.</exception>
    public int[] Encode(ReadOnlySpan<char> text, AddedTokenMatching matching = AddedTokenMatching.All)
    {
        using TokenSink sink = Encode(text, MatchScope.Of(matching), keepStarts: false);
        return sink.Ids();
    }

    /// <summary>The ids of a text between the special tokens that the file's post-processor puts around it, such as BERT's [CLS] and [SEP].</summary>
    /// <exception cref="TokenizerException">The text holds what the vocabulary does not know, and there is no token for that.</exception>
    public int[] EncodeWithSpecialTokens(ReadOnlySpan<char> text, AddedTokenMatching matching = AddedTokenMatching.All) =>
        [.. _postProcessor.Before, .. Encode(text, matching), .. _postProcessor.After];

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
    /// <param name="control">The added tokens that must not be spelled there; null for all of them.</param>
    public TokenizedText EncodeWithStarts(
        ReadOnlySpan<char> text, IReadOnlyList<CharSpan> untrusted, IReadOnlySet<int>? control = null) =>
        EncodeWithStarts(text, new MatchScope(untrusted, control));

    /// <summary>The text of tokens. Bytes that are no UTF-8 come out as U+FFFD, and so does an id without a token.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        if (Decoder.IsByteLevel || Decoder.IsByteFallback)
            return DecodeBytes(ids, skipSpecialTokens);
        StreamingDecoder decoder = new(this, skipSpecialTokens);
        return decoder.Append(ids) + decoder.Flush();
    }

    /// <summary>The id of a token by its text: an added token's content, or the exact text of an ordinary token.</summary>
    public bool TryGetId(string token, out int id) =>
        _addedIds.TryGetValue(token, out id) || _vocabulary.TryFind(Spell(token, new byte[token.Length * SpellingBytesPerUnit]), out id);

    /// <summary>Whether a token has the id. Models often have logits for more ids than their tokenizer has tokens.</summary>
    public bool Contains(int id) => _vocabulary.Contains(id);

    /// <summary>Whether an id is an added token, which encoding recognises in text as a whole.</summary>
    public bool IsAdded(int id) => _addedTokens.ContainsKey(id);

    /// <summary>The tokens that encoding recognises in text as a whole.</summary>
    internal IReadOnlyCollection<AddedToken> AddedTokens => _addedTokens.Values;

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
    /// The bytes a token stands for inside a text; they need not be whole characters. An id without a token, which a model with a padded
    /// output layer may sample, stands for U+FFFD: what was sampled can always be read.
    /// </summary>
    public ReadOnlySpan<byte> BytesOf(int id) => _bytes.Value.Of(id);

    /// <summary>A token as decoding begins with it: as the vocabulary spells it, or an added token as it is looked for.</summary>
    internal string Spelling(int id)
    {
        if (_normalizedContents.TryGetValue(id, out string? content))
            return content;
        return _vocabulary.Contains(id) ? _vocabulary.Text(id) : "\uFFFD";
    }

    /// <summary>Whether decoding without special tokens leaves a token out.</summary>
    internal bool IsSkipped(int id) => _addedTokens.ContainsKey(id) && _skipped.Contains(Spelling(id));

    private string DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        TokenBytes tokenBytes = _bytes.Value;
        bool hasRuns = Decoder.IsByteFallback;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(checked(ByteCount(ids, skipSpecialTokens) * (hasRuns ? 3 : 1)));
        int count = 0;
        int run = 0; // byte tokens at the end
        foreach (int id in ids)
        {
            if (skipSpecialTokens && IsSkipped(id))
                continue;
            bool isByte = hasRuns && tokenBytes.IsBytes(id);
            if (!isByte && run > 0)
                count = EndRun(bytes, count, ref run);
            ReadOnlySpan<byte> token = tokenBytes.Of(id);
            token.CopyTo(bytes.AsSpan(count));
            count += token.Length;
            run = isByte ? run + 1 : 0;
        }

        string text = Encoding.UTF8.GetString(bytes, 0, EndRun(bytes, count, ref run));
        ArrayPool<byte>.Shared.Return(bytes);
        return hasRuns ? Decoder.Trim(text) : text;
    }

    /// <summary>Ends a run of byte tokens: each becomes U+FFFD where they are no UTF-8 together. Returns where the bytes end now.</summary>
    private static int EndRun(byte[] bytes, int end, ref int run)
    {
        int start = end - run;
        if (!Utf8.IsValid(bytes.AsSpan(start, run)))
        {
            for (end = start; run > 0; run--, end += 3)
                "\uFFFD"u8.CopyTo(bytes.AsSpan(end));
        }

        run = 0;
        return end;
    }

    private TokenizedText EncodeWithStarts(ReadOnlySpan<char> text, in MatchScope scope)
    {
        using TokenSink sink = Encode(text, scope, keepStarts: true);
        return new TokenizedText(sink.Ids(), sink.Starts(), text.Length);
    }

    private TokenSink Encode(ReadOnlySpan<char> text, in MatchScope scope, bool keepStarts)
    {
        TokenSink sink = new(keepStarts);
        TextPiece whole = new(Utf8Text.WithoutLoneSurrogates(text), 0);
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
            int end = found ? match.Start : piece.Text.Length;
            if (end > done && normalized)
                EncodeTokensOf(piece.Slice(done, end), ref sink);
            else if (end > done)
                EncodeNormalized(piece.Slice(done, end), scope, ref sink);
            if (!found)
                return;
            // One that stands wholly in the white space that the token before it took along is gone.
            if (match.Start < match.End)
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
            EncodeTokensOf(normalized, ref sink);
        else
            EncodeAround(_normalizedMatcher, normalized, scope, normalized: true, ref sink);
    }

    private void EncodeTokensOf(in TextPiece piece, ref TokenSink sink)
    {
        if (_preTokenizer.Scanner is not { } scanner)
        {
            EncodeParts(piece, step: 0, ref sink);
            return;
        }

        ReadOnlySpan<char> text = piece.Text;
        for (int start = 0; start < text.Length;)
        {
            int end = scanner.WordEnd(text, start);
            AddTokensOf(text[start..end], start, piece, ref sink);
            start = end;
        }
    }

    /// <summary>Takes a piece through the steps of the pre-tokenizer from the given one on.</summary>
    private void EncodeParts(in TextPiece piece, int step, ref TokenSink sink)
    {
        if (piece.Text.IsEmpty)
            return;
        if (step == _preTokenizer.Steps.Count)
        {
            AddTokensOf(piece.Text, 0, piece, ref sink);
            return;
        }

        PreTokenizerStep splitter = _preTokenizer.Steps[step];
        TextPiece changed = splitter.Change(piece);
        int position = 0;
        while (splitter.TryNext(changed.Text, ref position, out int start, out int end))
            EncodeParts(changed.Slice(start, end), step + 1, ref sink);
    }

    private void AddTokensOf(ReadOnlySpan<char> word, int position, in TextPiece piece, ref TokenSink sink)
    {
        if (_cache.TryGet(word, out EncodedWord? encoded))
            sink.AddWord(word, encoded.Ids, encoded.Lengths, position, piece);
        else
            EncodeWord(word, position, piece, ref sink);
    }

    /// <summary>Allocates nothing for a word of usual length, unless the cache takes it.</summary>
    private void EncodeWord(ReadOnlySpan<char> word, int position, in TextPiece piece, ref TokenSink sink)
    {
        int room = word.Length * SpellingBytesPerUnit;
        ReadOnlySpan<byte> spelled = Spell(word, room <= 1024 ? stackalloc byte[room] : new byte[room]);
        int most = _model.MaxTokens(spelled.Length);
        Span<int> ids = most <= 256 ? stackalloc int[most] : new int[most];
        Span<int> lengths = most <= 256 ? stackalloc int[most] : new int[most];
        int count = _model.Tokenize(spelled, ids, lengths);
        for (int i = 0, start = 0; i < count && _preTokenizer.SpellsBytes; i++)
        {
            // A byte of the word is a character of its spelling.
            int end = Math.Min(start + lengths[i], spelled.Length);
            lengths[i] = Utf8Text.CharacterCount(spelled[start..end]);
            start = end;
        }

        sink.AddWord(word, ids[..count], lengths[..count], position, piece);
        if (_cache.Takes(word))
            _cache.Set(new EncodedWord(word.ToString(), ids[..count].ToArray(), lengths[..count].ToArray()));
    }

    /// <summary>A text as the vocabulary spells it, in UTF-8, in a buffer of <see cref="SpellingBytesPerUnit"/> bytes for each of its units.</summary>
    private ReadOnlySpan<byte> Spell(ReadOnlySpan<char> text, Span<byte> buffer)
    {
        int count = Encoding.UTF8.GetBytes(text, buffer);
        Span<byte> bytes = buffer[..count];
        return _preTokenizer.SpellsBytes ? buffer.Slice(count, ByteLevelAlphabet.Spell(bytes, buffer[count..])) : bytes;
    }

    /// <summary>
    /// Where nothing but a literal splits text, words may be as long as the text; there the places are used at which no token reaches across.
    /// </summary>
    private PreTokenizer WithSeams(PreTokenizer preTokenizer) =>
        preTokenizer.Steps.Count <= 1 && preTokenizer is { Scanner: null, SpellsBytes: false } && _model is BpeModel bpe && bpe.IsLocal()
            ? preTokenizer with { Steps = [.. preTokenizer.Steps, new SeamSplitter(_vocabulary)] }
            : preTokenizer;

    private int ByteCount(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        int count = 0;
        foreach (int id in ids)
        {
            int length = BytesOf(id).Length;
            if (!skipSpecialTokens || !IsSkipped(id))
                count = checked(count + length);
        }

        return count;
    }

    private string Normalize(string content) => _normalizer?.Change(content) ?? content;
}
