using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;

namespace AgentRollout.Gateway.Dialects;

/// <summary>The JSON object of a request in another server's protocol, where members without a meaning here are ignored.</summary>
internal class JsonBody
{
    private readonly JsonElement _body;

    public JsonBody(JsonElement body) =>
        _body = body.ValueKind == JsonValueKind.Object ? body : throw DialectValues.Invalid("The body must be a JSON object.");

    /// <summary>A member; null where it is not there or null.</summary>
    public JsonElement? this[string name] => DialectValues.Member(_body, name);

    public bool? Bool(string name) => this[name] is { } value ? DialectValues.Bool(name, value) : null;

    public int? Int(string name) => this[name] is { } value ? DialectValues.Int(name, value) : null;

    public float? Float(string name) => this[name] is { } value ? DialectValues.Float(name, value) : null;

    public string? Text(string name) => this[name] is { } value ? DialectValues.Text(name, value) : null;

    /// <summary>Refuses members that ask for what is not done here; null, false and what is empty ask for nothing.</summary>
    /// <exception cref="InvalidInputException">One of them asks for something.</exception>
    public void Refuse(IEnumerable<(string Name, string Reason)> members)
    {
        foreach ((string name, string reason) in members)
        {
            if (DialectValues.IsSet(this[name]))
                throw DialectValues.Invalid($"'{name}' is not supported: {reason}.");
        }
    }

    /// <summary>Checks that a request is for the model that is served.</summary>
    /// <exception cref="InvalidInputException">It names another.</exception>
    public void CheckModel(string served, bool takesAny)
    {
        if (!takesAny && Text("model") is { Length: > 0 } name && name != served && name != "default")
            throw new InvalidInputException(ProblemCodes.UnknownModel, $"Model '{name}' is unknown; known models: {served}.");
    }

    /// <summary>Reads the body of a request.</summary>
    /// <exception cref="InvalidInputException">It is not JSON, or holds text that is no Unicode.</exception>
    public static async Task<JsonElement> ReadAsync(HttpRequest request)
    {
        using MemoryStream body = new();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        return UnicodeJson.Parse(body.GetBuffer().AsSpan(0, (int)body.Length), "The body");
    }
}
