using System.Globalization;
using System.Text;
using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Dialects.SandboxFusion;

/// <summary>A checked request: the files to write, in this order, and the command that runs them.</summary>
internal sealed record SandboxProgram
{
    private const double MaxSeconds = 3_600;

    /// <summary>What runs a program of each language, and what its file is called.</summary>
    private static readonly SortedDictionary<string, (string Interpreter, string File)> Languages = new(StringComparer.Ordinal)
    {
        ["bash"] = ("bash", "main.sh"),
        ["python"] = ("python3", "main.py"),
    };

    public required IReadOnlyList<KeyValuePair<string, byte[]>> Files { get; init; }

    public required string Command { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required TimeSpan CompileTimeout { get; init; }

    public required IReadOnlyList<string> FetchFiles { get; init; }

    /// <param name="maxFileBytes">The largest file that a sandbox takes.</param>
    /// <exception cref="InvalidInputException">It cannot be run; the message names the member and what is allowed.</exception>
    public static SandboxProgram Parse(RunCodeRequest request, int maxFileBytes)
    {
        if (request.Language is null || !Languages.TryGetValue(request.Language, out (string Interpreter, string File) language))
            throw Invalid($"'language' is '{request.Language}'; known languages: {string.Join(", ", Languages.Keys)}.");
        List<KeyValuePair<string, byte[]>> files =
        [
            .. (request.Files ?? new Dictionary<string, string?>()).Where(file => file.Value is not null).Select(file => KeyValuePair.Create(file.Key, Decode(file.Key, file.Value!))),
        ];
        string main = FreeName(language.File, files);
        files.Add(new(main, Encoding.UTF8.GetBytes(request.Code ?? throw Invalid("'code' is missing; it must be the text of a program."))));
        StringBuilder command = new();
        if (request.MemoryLimitMb is > 0 and <= int.MaxValue)
            command.Append(CultureInfo.InvariantCulture, $"ulimit -v {request.MemoryLimitMb * 1024} && ");
        if (request.Stdin is { } stdin)
        {
            string input = FreeName(".stdin", files);
            files.Add(new(input, Encoding.UTF8.GetBytes(stdin)));
            command.Append(CultureInfo.InvariantCulture, $"exec <{input} && rm {input} && ");
        }

        foreach ((string path, byte[] content) in files)
        {
            if (content.Length > maxFileBytes)
                throw Invalid($"'{path}' has {content.Length} bytes; files, code and standard input have at most {maxFileBytes} each.");
        }

        return new SandboxProgram
        {
            Files = files,
            Command = command.Append(CultureInfo.InvariantCulture, $"exec {language.Interpreter} {main}").ToString(),
            Timeout = Seconds("run_timeout", request.RunTimeout, above: 0),
            CompileTimeout = Seconds("compile_timeout", request.CompileTimeout, above: -1),
            FetchFiles = request.FetchFiles is { } fetched && fetched.Contains(null!) ? throw Invalid("'fetch_files' must be a list of paths.") : request.FetchFiles ?? [],
        };
    }

    private static byte[] Decode(string path, string base64)
    {
        try
        {
            return Convert.FromBase64String(base64);
        }
        catch (FormatException)
        {
            throw Invalid($"File '{path}' is not base64.");
        }
    }

    /// <summary>A name that no file of the request's has.</summary>
    private static string FreeName(string name, List<KeyValuePair<string, byte[]>> files)
    {
        while (files.Exists(file => file.Key.Split('/').Contains(name)))
            name = "_" + name;
        return name;
    }

    private static TimeSpan Seconds(string name, double value, double above) => value > above
        ? TimeSpan.FromSeconds(Math.Min(Math.Max(value, 0), MaxSeconds))
        : throw Invalid(string.Create(CultureInfo.InvariantCulture, $"'{name}' is {value}; it must be a positive number of seconds."));

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
