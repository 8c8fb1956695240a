namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>A form of tool calls beside the built-in ones.</summary>
/// <param name="Name">What the setting <c>tool_call_parser</c> names; not that of a built-in one.</param>
/// <param name="CreateParser">Binds the form to a model.</param>
public sealed record ToolCallFormat(string Name, CreateToolCallParser CreateParser);

/// <summary>Makes the parser of a format for one model.</summary>
/// <param name="tokenizer">The model's tokenizer: it decides which markers are tokens of their own.</param>
/// <param name="endTokens">Tokens that end a turn and are no part of its text.</param>
/// <param name="reasoningIsOpen">Whether prompts end inside an opened reasoning part; null where that is not known.</param>
public delegate IToolCallParser CreateToolCallParser(Tokenizer tokenizer, IReadOnlyCollection<int> endTokens, bool? reasoningIsOpen);
