using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Token ids of one prompt, or of several.</summary>
/// <param name="Lists">One for each prompt.</param>
/// <param name="IsBatch">Whether they came as a list of lists.</param>
internal sealed record TokenLists(IReadOnlyList<int[]> Lists, bool IsBatch);

/// <summary>Reads <c>[1, 2]</c> and <c>[[1, 2], [3]]</c>, straight from the bytes: prompts are long.</summary>
internal sealed class TokenListsConverter : JsonConverter<TokenLists>
{
    public override TokenLists Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("Token ids must be a list, or a list of lists.");
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            return new TokenLists([ReadIds(ref reader)], IsBatch: false);
        List<int[]> lists = [];
        while (reader.TokenType == JsonTokenType.StartArray)
        {
            reader.Read();
            lists.Add(ReadIds(ref reader));
            reader.Read();
        }

        return reader.TokenType == JsonTokenType.EndArray ? new TokenLists(lists, IsBatch: true) : throw new JsonException("A list of lists of token ids holds something else.");
    }

    public override void Write(Utf8JsonWriter writer, TokenLists value, JsonSerializerOptions options)
    {
        if (value.IsBatch)
            writer.WriteStartArray();
        foreach (int[] list in value.Lists)
        {
            writer.WriteStartArray();
            foreach (int id in list)
                writer.WriteNumberValue(id);
            writer.WriteEndArray();
        }

        if (value.IsBatch)
            writer.WriteEndArray();
    }

    /// <summary>From the first id to the end of the list.</summary>
    private static int[] ReadIds(ref Utf8JsonReader reader)
    {
        List<int> ids = [];
        while (reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
                throw new JsonException("Token ids must be integers.");
            ids.Add(id);
            reader.Read();
        }

        return [.. ids];
    }
}
