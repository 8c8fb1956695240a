namespace AgentRollout.Tokenization.Chat.Jinja.Values;

/// <summary>What <c>str.encode</c> gives.</summary>
internal sealed record PythonBytes(byte[] Bytes);
