using System.Text.Json;
using System.Text.Unicode;
using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Json;

/// <summary>Parses JSON that people send, all of whose texts can be read as text.</summary>
internal static class UnicodeJson
{
    /// <param name="utf8">The text; not kept.</param>
    /// <param name="what">What it is called in errors.</param>
    /// <exception cref="InvalidInputException">It is not JSON, or holds text that is no Unicode.</exception>
    public static JsonElement Parse(ReadOnlySpan<byte> utf8, string what)
    {
        Check(utf8, what);
        return JsonElement.Parse(utf8);
    }

    /// <summary>Makes sure that a text can be parsed and its strings be read.</summary>
    /// <inheritdoc cref="Parse"/>
    public static void Check(ReadOnlySpan<byte> utf8, string what)
    {
        try
        {
            if (HoldsHalfOfPair(utf8) || !Utf8.IsValid(utf8))
                throw new InvalidInputException(ProblemCodes.InvalidJson, $"{what} holds text that is no Unicode: bytes that are not UTF-8, or half of a surrogate pair.");
        }
        catch (JsonException exception)
        {
            throw new InvalidInputException(
                ProblemCodes.InvalidJson, $"{what} is not JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
        }
    }

    /// <summary>Escapes can spell what no text holds; whoever reads such a value later would break.</summary>
    private static bool HoldsHalfOfPair(ReadOnlySpan<byte> utf8)
    {
        Utf8JsonReader reader = new(utf8);
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
                continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return true;
            }
        }

        return false;
    }
}
