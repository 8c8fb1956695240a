using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

public sealed class TemplateAuditTests
{
    /// <summary>Llama-2 decodes [INST] behind its begin token with a space that no text has, and Qwen3 composes characters.</summary>
    [Theory]
    [InlineData("llama2", "A caf\u00E9?")]
    [InlineData("qwen3", "A cafe\u0301?")]
    public void What_decoding_does_to_any_text_is_no_difference(string family, string question)
    {
        ChatFormat format = ChatFormat.Load(SharedFiles.InShared("tokenizers", family));
        ChatMessage[] messages = [ChatMessage.User(question)];
        int[] prompt = format.RenderPrompt(messages, []);
        TrajectorySequence sequence = new()
        {
            TokenIds = prompt,
            LossMask = new int[prompt.Length],
            Logprobs = new float?[prompt.Length],
            SamplingLogprobs = null,
            StartedBecause = null,
            Segments = [new(0, prompt.Length, Tokenization.Masking.SegmentSource.Prompt, 0)],
        };
        Assert.Equal((TrajectoryAudit.Consistent, null), TemplateAudit.Run(format, sequence, messages, []));
        Assert.Equal("prompt_differs", TemplateAudit.Run(format, sequence, [ChatMessage.User("Another?")], []).Kind);
    }
}
