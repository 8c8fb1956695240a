using System.Collections.Concurrent;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>A real model's tokenizer and template, loaded once, and what drawing a conversation takes to know of them.</summary>
internal sealed class ChatFamily
{
    private static readonly ConcurrentDictionary<string, ChatFamily> Loaded = [];

    private ChatFamily(string name)
    {
        Format = name == "tiny"
            ? ChatFormat.Load(TestTokenizers.TinyDirectory)
            : ChatFormat.Create(TestTokenizers.Shared(name), ChatTemplate.Load(SharedFiles.InShared("tokenizers", name)));
        Controls = Format.Tokenizer.AddedTokens.Where(IsControl).ToDictionary(token => token.Id, token => token.Content);
        TakesSystem = name != "mistral_v1";
        PrintsResultsAsJson = name is "llama3_1" or "gptoss";
    }

    public ChatFormat Format { get; }

    /// <summary>The special tokens and those that the template writes, by id.</summary>
    public IReadOnlyDictionary<int, string> Controls { get; }

    public bool TakesSystem { get; }

    public bool TakesTools => Format.Probe.ToolRefusal is null;

    /// <summary>Whether the template writes a tool's result as a JSON string.</summary>
    public bool PrintsResultsAsJson { get; }

    public static ChatFamily Load(string name) => Loaded.GetOrAdd(name, key => new ChatFamily(key));

    public int[] ControlsIn(IEnumerable<int> ids) => [.. ids.Where(Controls.ContainsKey)];

    private bool IsControl(AddedToken token) => token.Special
        || (!string.IsNullOrWhiteSpace(token.Content) && Format.Template.Source.Contains(token.Content, StringComparison.Ordinal));
}
