using System.Text.Json;

namespace AgentRollout.Gateway.Storage;

/// <summary>Enums as the words that JSON and the database use.</summary>
internal static class StatusText
{
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    public static T Parse<T>(string word) where T : struct, Enum => Enum.GetValues<T>().First(value => Of(value) == word);
}
