namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>Mistral's block: a JSON list of calls, or from version 11 of its tokenizers on <c>NAME[CALL_ID]ID[ARGS]{…}</c>.</summary>
internal sealed class MistralBody(BlockSource source) : BlockBody(source)
{
    private static readonly NamedShape Named = new("[ARGS]") { BehindName = "[CALL_ID]" };

    private BlockBody? _body;

    public override void Read(int limit)
    {
        ReadOnlySpan<byte> text = Turn.Bytes[Source.BodyStart..limit].TrimStart(" \n\r\t"u8);
        if (_body is null && !text.IsEmpty)
        {
            _body = text[0] is (byte)'[' or (byte)'{' ? new JsonListBody(Source, JsonCallShape.Either) : new NamedBody(Source, Named);
        }

        _body?.Read(limit);
    }

    public override void End(int bodyEnd, int end, string? openError) =>
        (_body ?? new NamedBody(Source, Named)).End(bodyEnd, end, openError);
}
