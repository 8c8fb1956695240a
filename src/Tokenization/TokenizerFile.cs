using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.Decoding;
using AgentRollout.Tokenization.Models;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PostProcessing;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>What a tokenizer.json asks for. Anything that cannot be honoured exactly is refused by name.</summary>
internal sealed class TokenizerFile
{
    public const string FileName = "tokenizer.json";

    /// <summary>A part that the file leaves out.</summary>
    private static readonly JsonElement Absent = JsonElement.Parse("null");

    private readonly ModelReader _modelReader;
    private TokenModel? _model;

    private TokenizerFile(int fileLength) => _modelReader = new ModelReader(fileLength);

    public Vocabulary Vocabulary => _modelReader.Vocabulary;

    public TokenModel Model => _model ?? throw new TokenizerException("it has no 'model'.");

    public Normalizer? Normalizer { get; private set; }

    public PreTokenizer PreTokenizer { get; private set; } = PreTokenizerReader.Read(Absent);

    public PostProcessor PostProcessor { get; private set; } = PostProcessor.Read(Absent);

    public TokenDecoder Decoder { get; private set; } = TokenDecoderReader.Read(Absent);

    public List<AddedToken> AddedTokens { get; } = [];

    public string Hash { get; private set; } = "";

    /// <exception cref="TokenizerException">The file is missing, damaged, or asks for something that cannot be honoured exactly.</exception>
    public static TokenizerFile Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        byte[] json = ModelFiles.ReadAllBytes(path);
        TokenizerFile file = new(json.Length);
        Task<string> hash = Task.Run(() => ModelFiles.Hash(json));
        try
        {
            file.ReadRoot(json);
            file.AddAddedTokens();
            file.Hash = hash.GetAwaiter().GetResult();
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
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new TokenizerException("the file is no JSON object.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            if (member == "model" && _model is null)
                _model = _modelReader.Read(ref reader);
            else
                ReadPart(member, JsonElement.ParseValue(ref reader));
        }

        reader.Read(); // throws where something follows
    }

    private void ReadPart(string member, JsonElement value)
    {
        switch (member)
        {
            case "added_tokens":
                AddedTokens.AddRange(value.EnumerateArray().Select(ReadAddedToken));
                break;
            case "normalizer":
                Normalizer = value.ValueKind == JsonValueKind.Null ? null : Normalizer.Read(value);
                break;
            case "pre_tokenizer":
                PreTokenizer = PreTokenizerReader.Read(value);
                break;
            case "post_processor":
                PostProcessor = PostProcessor.Read(value);
                break;
            case "decoder":
                Decoder = TokenDecoderReader.Read(value);
                break;
            // Callers that pass no truncation or padding switch both off in the reference, whatever the file says.
            case "truncation" or "padding" or "version":
                break;
            default:
                throw new TokenizerException($"its member '{member}' is unknown or there twice.");
        }
    }

    private static AddedToken ReadAddedToken(JsonElement token)
    {
        string content = JsonParts.Text(token, "content", "");
        if (content.Length == 0 || !token.TryGetProperty("id", out JsonElement value) || !value.TryGetUInt32(out uint id))
            throw new TokenizerException($"the added token {token.GetRawText()} lacks its content, or an id that is not negative.");
        return new AddedToken(
            (int)Math.Min(id, int.MaxValue), content, JsonParts.Flag(token, "single_word"), JsonParts.Flag(token, "lstrip"),
            JsonParts.Flag(token, "rstrip"), JsonParts.Flag(token, "normalized"), JsonParts.Flag(token, "special"));
    }

    /// <summary>
    /// As in the reference, an added token has the id that the vocabulary gives its text, else the next one that is free, whatever the file
    /// says in files that were edited by hand.
    /// </summary>
    private void AddAddedTokens()
    {
        _ = Model;
        HashSet<string> contents = new(StringComparer.Ordinal);
        int next = Vocabulary.IndexedCount;
        for (int i = 0; i < AddedTokens.Count; i++)
        {
            AddedToken token = AddedTokens[i];
            if (!contents.Add(token.Content))
                throw new TokenizerException($"the added token '{token.Content}' is there twice.");
            byte[] spelling = Encoding.UTF8.GetBytes(token.Content);
            if (!Vocabulary.TryFind(spelling, out int id))
                Vocabulary.Add(id = next, spelling);
            next = Math.Max(next, id + 1);
            AddedTokens[i] = token with { Id = id };
        }
    }
}
