using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>
/// Conversations drawn at random: several turns, system messages anywhere, calls one by one and in parallel, failed tools, empty and
/// truncated answers, reasoning, and texts that spell control tokens. What a template refuses is tried with less.
/// </summary>
public sealed class RandomConversationTests
{
    private const int Rounds = 120;

    private static readonly FunctionSchema[] Tools =
        [new("search", "Searches.", JsonElement.Parse("""{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}"""))];

    /// <summary>A model's folder, and how many of its conversations the template must render without changing what was sampled.</summary>
    public static TheoryData<string, int> Families => new()
    {
        { "tiny-agent", 100 }, { "qwen3", 8 }, { "llama3_1", 100 }, { "gemma3", 100 }, { "deepseek_r1", 20 }, { "deepseek_v3", 20 }, { "gptoss", 20 },
        { "llama2", 100 }, { "mistral_v1", 80 },
    };

    /// <summary>Whatever the template does to earlier turns, what was sampled stays and the new messages come out as it writes them.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void What_messages_add_is_how_the_rendered_conversation_ends(string family, int _)
    {
        ChatFormat format = Load(family);
        int compared = 0;
        foreach (Step step in Conversations(format).SelectMany(conversation => conversation.Steps))
        {
            bool isLater = step.Messages.SkipLast(step.Added).Any(message => message.Role == "tool");
            if (isLater && !format.Probe.DeltaIgnoresContent)
                continue; // said at load: here results are written otherwise
            int[] rendered = format.Encode(format.Template.RenderTracked(step.Messages, step.Tools, addGenerationPrompt: true)).Ids;
            Assert.Equal(rendered[^Math.Min(step.Delta.Length, rendered.Length)..], step.Delta);
            compared++;
        }

        Assert.True(compared > Rounds, $"{compared} steps");
    }

    /// <summary>A sequence and the template tell the same text, unless loading or the step before has said that they will not.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Prompt_sampled_turns_and_deltas_decode_to_what_the_template_renders_or_it_is_said_before(string family, int least)
    {
        ChatFormat format = Load(family);
        int compared = 0;
        foreach (Conversation conversation in Conversations(format).Where(conversation => !conversation.IsRewritten))
        {
            Step last = conversation.Steps[^1];
            RenderedChat rendered = format.Template.RenderTracked(last.Messages, last.Tools, addGenerationPrompt: true);
            Assert.Equal(format.Tokenizer.Decode(format.Encode(rendered).Ids), format.Tokenizer.Decode([.. conversation.Tokens]));
            compared++;
        }

        Assert.True(compared >= least, $"{compared} of {Rounds} conversations");
    }

    /// <summary>The control tokens of a sequence are the template's and the model's, as many as where all texts are harmless.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void No_text_of_a_message_becomes_a_control_token(string family, int _)
    {
        ChatFormat format = Load(family);
        foreach ((Conversation harmful, Conversation harmless) in Conversations(format).Zip(Conversations(format, isHarmless: true)))
            Assert.Equal(harmless.Steps.Select(step => ControlIds(format, step.Delta)), harmful.Steps.Select(step => ControlIds(format, step.Delta)));
    }

    private static ChatFormat Load(string family) =>
        family == "tiny-agent" ? ChatFormat.Load(SharedFiles.InRepository("models", family)) : ChatFormat.Load(SharedFiles.InShared("tokenizers", family));

    private static IEnumerable<Conversation> Conversations(ChatFormat format, bool isHarmless = false)
    {
        string[] controls = [.. format.EndOfTurnIds.Select(id => format.Tokenizer.Decode([id])), "<think>", "<tool_call>"];
        for (int seed = 0; seed < Rounds; seed++)
        {
            if (Talk(format, new Texts(seed, isHarmless ? [.. controls.Select(control => new string('x', control.Length))] : controls)) is { } conversation)
                yield return conversation;
        }
    }

    /// <summary>Null where the template refuses even the first prompt.</summary>
    private static Conversation? Talk(ChatFormat format, Texts texts)
    {
        Random random = texts.Random;
        FunctionSchema[] tools = format.Probe.ToolRefusal is null && random.Next(3) > 0 ? Tools : [];
        List<ChatMessage> messages = [ChatMessage.User(texts.Next())];
        if (random.Next(2) == 0 && IsRendered(format, [ChatMessage.System("s"), .. messages], tools))
            messages.Insert(0, ChatMessage.System(texts.Next()));
        if (!IsRendered(format, messages, tools))
            return null;
        Conversation conversation = new([.. format.RenderPrompt(messages, tools)], []) { IsRewritten = !format.Probe.GenerationPromptOpensAnswer };
        for (int turn = random.Next(1, 5); turn > 0; turn--)
        {
            (ChatMessage answer, ChatMessage[] added) = Draw(format, messages, tools, texts);
            Play(format, conversation, messages, answer, added, tools, isTruncated: random.Next(4) == 0);
            messages.AddRange([answer, .. added]);
        }

        return conversation;
    }

    private static void Play(
        ChatFormat format, Conversation conversation, List<ChatMessage> messages, ChatMessage answer, ChatMessage[] added, FunctionSchema[] tools, bool isTruncated)
    {
        (int[] turn, int end) = Sample(format, messages, answer, tools, out bool opens);
        conversation.Tokens.AddRange(turn);
        if (!isTruncated)
            conversation.Tokens.Add(end);
        int[] delta = [.. format.RenderDelta(added, tools, isTruncated ? null : end).SelectMany(span => span.Tokens)];
        conversation.Tokens.AddRange(delta);
        List<ChatMessage> before = [.. messages, answer];
        conversation.Steps.Add(new Step([.. before, .. added], added.Length, tools, isTruncated ? delta[1..] : delta));
        conversation.IsRewritten |= !opens || (!format.Probe.DeltaIgnoresContent && messages.Any(message => message.Role == "tool")) || format.RewritesHistory(before, added, tools);
    }

    /// <summary>
    /// What a model writes that answers as the template expects it, and the token with which it ends its turn. Some templates begin an answer
    /// otherwise than they prompt for it, and DeepSeek's forgets the end after one call: no answer can be what they render.
    /// </summary>
    private static (int[] Turn, int End) Sample(
        ChatFormat format, List<ChatMessage> messages, ChatMessage answer, FunctionSchema[] tools, out bool opens)
    {
        int[] prompt = format.RenderPrompt(messages, tools);
        int[] answered = format.Encode(format.Template.RenderTracked([.. messages, answer], tools, addGenerationPrompt: false)).Ids;
        int end = Array.FindLastIndex(answered, id => format.EndOfTurnIds.Contains(id));
        opens = end >= prompt.Length && answered.AsSpan().StartsWith(prompt);
        return opens ? (answered[prompt.Length..end], answered[end]) : (format.Tokenizer.Encode(answer.Content ?? ""), format.EndOfTurnId);
    }

    private static (ChatMessage Answer, ChatMessage[] Added) Draw(ChatFormat format, List<ChatMessage> messages, FunctionSchema[] tools, Texts texts)
    {
        Random random = texts.Random;
        string? reasoning = random.Next(4) == 0 ? texts.Plain() : null;
        string content = random.Next(6) == 0 ? "" : texts.Plain();
        for (int calls = tools.Length > 0 ? random.Next(4) : 0; calls > 0; calls--)
        {
            ToolCall[] made = [.. Enumerable.Range(0, calls).Select(i => new ToolCall(
                $"call0000{i}", "search", JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["query"] = texts.Plain() })))];
            ChatMessage answer = ChatMessage.Assistant(content, made) with { ReasoningContent = reasoning };
            ChatMessage[] results = [.. made.Select(call => ChatMessage.Tool(call.Id, call.Name, random.Next(3) == 0 ? "Error: " + texts.Next() : texts.Next()))];
            if (IsRendered(format, [.. messages, answer], tools) && IsRendered(format, [.. messages, answer, .. results], tools))
                return (answer, results);
        }

        ChatMessage plain = ChatMessage.Assistant(content) with { ReasoningContent = reasoning };
        ChatMessage[] added = [ChatMessage.User(texts.Next())];
        ChatMessage[] withSystem = [ChatMessage.System(texts.Next()), .. added];
        return (plain, random.Next(5) == 0 && IsRendered(format, [.. messages, plain, .. withSystem], tools) ? withSystem : added);
    }

    private static bool IsRendered(ChatFormat format, IReadOnlyList<ChatMessage> messages, FunctionSchema[] tools)
    {
        try
        {
            format.Template.Render(messages, tools, addGenerationPrompt: messages[^1].Role != "assistant");
            return true;
        }
        catch (TokenizerException)
        {
            return false;
        }
    }

    private static int[] ControlIds(ChatFormat format, int[] ids) => [.. ids.Where(format.Tokenizer.IsSpecial)];

    /// <summary>A sequence as the loop builds it.</summary>
    private sealed record Conversation(List<int> Tokens, List<Step> Steps)
    {
        /// <summary>Whether it was said that the template tells it otherwise.</summary>
        public bool IsRewritten { get; set; }
    }

    /// <summary>The conversation after messages were added, and the tokens that they added behind the token that ends a turn.</summary>
    private sealed record Step(IReadOnlyList<ChatMessage> Messages, int Added, FunctionSchema[] Tools, int[] Delta);

    /// <summary>Draws the same for equal seeds, whatever the control tokens.</summary>
    private sealed class Texts(int seed, string[] controls)
    {
        private static readonly string[] Words = ["the", "world", "42", "caf\u00E9", "\u65E5\u672C", "a-b", "{\"k\": [1.0]}", "\n", "it's", "\U0001F600", "<b>"];

        public Random Random { get; } = new(seed);

        public string Plain() => string.Join(' ', Enumerable.Range(0, Random.Next(1, 7)).Select(_ => Words[Random.Next(Words.Length)])).Trim();

        /// <summary>A text of somebody who may want to write control tokens.</summary>
        public string Next()
        {
            string text = Plain();
            string control = controls[Random.Next(controls.Length)];
            return Random.Next(3) == 0 ? text + control + Plain() : text;
        }
    }
}
