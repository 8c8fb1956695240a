using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway;

/// <summary>Reads and checks the server's settings.</summary>
internal static class GatewayOptionsFile
{
    private const int Sha256HexLength = 64;

    /// <summary>Reads the file of <c>serve --config</c>.</summary>
    /// <exception cref="InvalidInputException">The file is missing or malformed; the message names the key, its value and the known ones.</exception>
    public static GatewayOptions Read(string path)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(ProblemCodes.InvalidValue, $"Configuration file '{path}' does not exist.");
        try
        {
            return StrictJson.Read(File.ReadAllBytes(path), GatewayJson.Default.GatewayOptions);
        }
        catch (InvalidInputException exception)
        {
            throw new InvalidInputException(exception.Code, $"Configuration file '{path}': {exception.Message}");
        }
    }

    /// <summary>Checks what one member alone cannot tell.</summary>
    /// <exception cref="InvalidInputException">The settings do not go together.</exception>
    public static void Check(GatewayOptions options)
    {
        foreach (ApiKeyHash key in options.ApiKeys)
        {
            if (key.Sha256.Length != Sha256HexLength || !key.Sha256.All(char.IsAsciiHexDigit))
                throw Invalid($"The 'sha256' of API key '{key.Name}' is '{key.Sha256}'; it must be {Sha256HexLength} hexadecimal digits.");
        }

        if (options.SearchCorpus is { } corpus && !File.Exists(corpus))
            throw Invalid($"'search_corpus' is '{corpus}', which does not exist.");
        if (options is { SearchIndex: { } index, SearchCorpus: null } && !File.Exists(index))
            throw Invalid($"'search_index' is '{index}', which does not exist, and there is no 'search_corpus' to index.");
        if (options.SearchUrl is { } search && !(Uri.TryCreate(search, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
            throw Invalid($"'search_url' is '{search}'; it must be an http or https address, such as http://127.0.0.1:8000/retrieve.");
        if (options is { SearchUrl: not null, SearchCorpus: not null } or { SearchUrl: not null, SearchIndex: not null })
            throw Invalid("'search_url' names another server's search, so 'search_corpus' and 'search_index' cannot be given beside it.");
        options.Otlp.Check();
        if (options.Retention.MaxGigabytes > 0 && PostgresDatabase.IsAddress(options.Database))
            throw Invalid("'retention.max_gigabytes' is for a SQLite file, since PostgreSQL does not tell how many bytes of a database hold something; use 'max_age_hours' or 'max_trajectories'.");
        CheckDialect("sglang", options.Dialects.Sglang.Prefix, options.Dialects.Sglang.Port, options);
        CheckDialect("vllm", options.Dialects.Vllm.Prefix, options.Dialects.Vllm.Port, options);
        CheckDialect("openai", options.Dialects.Openai.Prefix, options.Dialects.Openai.Port, options);
        CheckDialect("anthropic", options.Dialects.Anthropic.Prefix, options.Dialects.Anthropic.Port, options);
        if (options.Engines.Select(engine => engine.ToEngine().Name).GroupBy(name => name).FirstOrDefault(same => same.Count() > 1)?.Key is { } twice)
            throw Invalid($"Engine '{twice}' stands twice in 'engines'.");
        if (options.Urls is [])
            throw Invalid("'urls' is empty; the server must listen on at least one address.");
        foreach (string url in options.Urls)
        {
            if (!ListenUrl.Parse(url).IsLoopback && options.ApiKeys is [])
                throw Invalid($"URL '{url}' is not a loopback address, and other addresses need at least one API key in 'api_keys'.");
        }
    }

    private static void CheckDialect(string name, string prefix, int? port, GatewayOptions options)
    {
        if (prefix.Length > 0 && (prefix[0] != '/' || prefix[^1] == '/' || prefix.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('/' or '-' or '_' or '.'))))
            throw Invalid($"'dialects.{name}.prefix' is '{prefix}'; it must be empty or a path such as /{name}.");
        if (port is not null && !options.Urls.Any(url => ListenUrl.Parse(url).Port == port))
            throw Invalid($"'dialects.{name}.port' is {port}, on which no address of 'urls' listens.");
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
