using System.Text.Json;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.Drift;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.Drift;

/// <summary>Every case in which keeping text instead of tokens goes wrong: the reference's numbers, our sequence and the cause.</summary>
public sealed class DriftGoldenTests
{
    public static TheoryData<string> Families { get; } =
        ["qwen3", "llama3_1", "llama2", "mistral_v1", "gemma3", "gptoss", "deepseek_r1", "deepseek_v3"];

    /// <summary>What may be the first thing to go wrong in the rows of a kind.</summary>
    private static readonly Dictionary<string, DriftCause[]> Causes = new()
    {
        ["noncanonical_split"] = [DriftCause.NonCanonicalTokens, DriftCause.UnicodeNormalization],
        ["char_by_char"] = [DriftCause.NonCanonicalTokens],
        ["truncated_utf8"] = [DriftCause.SplitCharacter, DriftCause.NonCanonicalTokens],
        ["missing_first_byte"] = [DriftCause.SplitCharacter, DriftCause.NonCanonicalTokens, DriftCause.LeadingSpace],
        ["special_spelled_as_text"] = [DriftCause.SpelledControlToken, DriftCause.NonCanonicalTokens],
        ["random_ids"] = [DriftCause.NonCanonicalTokens, DriftCause.SplitCharacter, DriftCause.LeadingSpace],
        ["byte_fallback_tokens"] = [DriftCause.ByteFallback, DriftCause.SplitCharacter, DriftCause.NonCanonicalTokens],
        ["leading_metaspace"] = [DriftCause.LeadingSpace, DriftCause.NonCanonicalTokens],
        ["joint_vs_separate_encoding"] = [DriftCause.TurnBoundary, DriftCause.LeadingSpace, DriftCause.ContentTrimmed],
        ["bos_duplicated"] = [DriftCause.DoubledBeginOfSequence],
        ["think_stripped_from_history"] = [DriftCause.ReasoningDropped],
        ["v31_thinking_stripped"] = [DriftCause.ReasoningDropped],
        ["analysis_dropped_and_return_to_end"] = [DriftCause.ReasoningDropped],
        ["enable_thinking_false_empty_think_dropped"] = [DriftCause.ReasoningDropped],
        ["no_think_answer"] = [DriftCause.TurnBoundary],
        ["truncated_no_stop_token"] = [DriftCause.ReasoningDropped, DriftCause.ContentTrimmed, DriftCause.LeadingSpace],
        ["stripped_by_server"] = [DriftCause.ContentTrimmed],
        ["content_trimmed"] = [DriftCause.ContentTrimmed],
        ["content_stripped_and_reprefixed"] = [DriftCause.ContentTrimmed, DriftCause.LeadingSpace],
        ["leading_space_sampled"] = [DriftCause.LeadingSpace, DriftCause.ContentTrimmed],
        ["leading_space_lost_or_added"] = [DriftCause.LeadingSpace, DriftCause.ContentTrimmed],
        ["tool_json_reserialised"] = [DriftCause.ToolCallRewritten, DriftCause.ToolCallDropped],
        ["tool_whitespace_around_calls"] = [DriftCause.ToolCallRewritten],
        ["tool_format_variant"] = [DriftCause.ToolCallRewritten, DriftCause.ChangedEndOfTurn],
        ["tool_single_call_loses_close"] = [DriftCause.ToolCallDropped],
        ["tool_call_dropped_text_content"] = [DriftCause.ToolCallDropped],
        ["parallel_tools_raise"] = [DriftCause.TemplateRefused],
        ["system_role_raises"] = [DriftCause.TemplateRefused],
    };

    [Theory]
    [MemberData(nameof(Families))]
    public void What_was_sampled_is_kept_and_what_text_would_break_has_its_cause(string family)
    {
        int number = 0;
        List<string> problems = [];
        foreach (JsonElement row in TestTokenizers.GoldenRows($"drift-{family}.jsonl"))
        {
            number++;
            string kind = row.GetProperty("kind").GetString()!;
            TokenDrift? drift = Check(family, row);
            if (drift is { } found && !Causes.GetValueOrDefault(kind, []).Contains(found.Cause))
                problems.Add($"row {number} ({kind}): {found.Cause} at {found.Position}");
        }

        Assert.True(number > 100);
        Assert.True(problems.Count == 0, string.Join("\n", problems));
    }

    private static TokenDrift? Check(string family, JsonElement row) => row.GetProperty("type").GetString() switch
    {
        "roundtrip" => Roundtrip(family, row),
        "boundary" => Boundary(family, row),
        "bos" => DoubledBegin(family, row),
        _ => Rerender(family, row),
    };

    private static TokenDrift? Roundtrip(string family, JsonElement row)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        int[] ids = Ids(row, "ids");
        string decoded = tokenizer.Decode(ids);
        Assert.Equal(row.GetProperty("decoded").GetString(), decoded);
        int[] again = tokenizer.Encode(decoded);
        Assert.Equal(Ids(row, "reencoded"), again);
        TokenDrift drift = new DriftAnalysis(tokenizer).FindInDecoding(ids, Ones(ids.Length))!.Value;
        Assert.Equal(ids.AsSpan().CommonPrefixLength(again), drift.Position);
        AssertKept(tokenizer, [], ids, []);
        return drift;
    }

    private static TokenDrift? Boundary(string family, JsonElement row)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        string prompt = row.GetProperty("prompt_text").GetString()!;
        string completion = row.GetProperty("completion_text").GetString()!;
        int[] promptIds = tokenizer.Encode(prompt);
        int[] completionIds = tokenizer.Encode(completion);
        int[] joint = tokenizer.Encode(prompt + completion);
        Assert.Equal(Ids(row, "prompt_ids"), promptIds);
        Assert.Equal(Ids(row, "completion_ids"), completionIds);
        Assert.Equal(Ids(row, "joint_ids"), joint);
        AssertKept(tokenizer, promptIds, completionIds, []);
        TokenDrift? drift = new DriftAnalysis(tokenizer).Find([.. promptIds, .. completionIds], Mask(promptIds, completionIds), joint);
        Assert.Equal(row.GetProperty("first_diff").GetInt32(), drift?.Position);
        return drift;
    }

    private static TokenDrift? DoubledBegin(string family, JsonElement row)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        string text = row.GetProperty("text").GetString()!;
        int[] ids = tokenizer.Encode(text);
        int[] doubled = tokenizer.EncodeWithSpecialTokens(text);
        Assert.Equal(Ids(row, "ids_no_special"), ids);
        Assert.Equal(Ids(row, "ids_with_special"), doubled);
        return new DriftAnalysis(tokenizer).Find(ids, new byte[ids.Length], doubled);
    }

    private static TokenDrift? Rerender(string family, JsonElement row)
    {
        DriftConversation conversation = new(family, row);
        ChatFormat format = conversation.Format;
        int[] prompt = conversation.PromptIds();
        int[] completion = format.Tokenizer.Encode(row.GetProperty("completion_text").GetString());
        Assert.Equal(Ids(row, "prompt_ids"), prompt);
        Assert.Equal(Ids(row, "completion_ids"), completion);
        int[] seen = [.. prompt, .. completion];
        TokenDrift? drift = new DriftAnalysis(format).FindInRendering(seen, Mask(prompt, completion), conversation.Rerender);
        if (row.GetProperty("kind").GetString() == "system_role_raises")
            Assert.Throws<TokenizerException>(() => conversation.Delta(completion));
        else
            AssertKept(format.Tokenizer, prompt, completion, conversation.Delta(completion));
        Assert.Equal(row.GetProperty("prefix_preserved").GetBoolean(), drift is null);
        if (row.GetProperty("rerendered_text").GetString() is not { } rerendered)
        {
            Assert.Equal(DriftCause.TemplateRefused, drift!.Value.Cause);
            return drift;
        }

        Assert.Equal(rerendered, conversation.Rerender());
        Assert.Equal(Ids(row, "rerendered_ids"), format.Tokenizer.Encode(rerendered));
        Assert.Equal(row.GetProperty("first_diff") is { ValueKind: JsonValueKind.Number } position ? position.GetInt32() : null, drift?.Position);
        return drift;
    }

    /// <summary>What was sampled stands in the sequence bit for bit with mask 1, and nothing else has it.</summary>
    private static void AssertKept(Tokenizer tokenizer, int[] prompt, int[] sampled, IReadOnlyList<RenderedSpan> delta)
    {
        TokenSequence sequence = new();
        sequence.Append(SegmentSource.Prompt, turn: 0, prompt);
        sequence.AppendSampled(turn: 1, sampled, new float[sampled.Length], weightVersion: 0);
        foreach (RenderedSpan span in delta)
            sequence.Append(span.Source, turn: 1, span.Tokens);

        Assert.Equal(sampled, sequence.Tokens.Slice(prompt.Length, sampled.Length).ToArray());
        Assert.Equal([.. new byte[prompt.Length], .. Ones(sampled.Length), .. new byte[sequence.Count - prompt.Length - sampled.Length]], sequence.LossMask.ToArray());
        Assert.Equal(tokenizer.Decode(sampled), tokenizer.Decode(sequence.Tokens.Slice(prompt.Length, sampled.Length)));
    }

    private static byte[] Mask(int[] prompt, int[] completion) => [.. new byte[prompt.Length], .. Ones(completion.Length)];

    private static byte[] Ones(int count) => [.. Enumerable.Repeat((byte)1, count)];

    private static int[] Ids(JsonElement row, string member) => [.. row.GetProperty(member).EnumerateArray().Select(id => id.GetInt32())];
}
