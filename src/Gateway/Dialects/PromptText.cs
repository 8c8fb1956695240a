using AgentRollout.Gateway.Errors;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects;

/// <summary>Prompts that come as text.</summary>
internal static class PromptText
{
    /// <summary>The tokens of a text.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="text">The text.</param>
    /// <param name="addsSpecialTokens">Whether those that the tokenizer puts around texts are added; null is yes.</param>
    /// <exception cref="InvalidInputException">The text holds what the vocabulary does not know.</exception>
    public static int[] Encode(Tokenizer tokenizer, string text, bool? addsSpecialTokens)
    {
        try
        {
            return addsSpecialTokens == false ? tokenizer.Encode(text) : tokenizer.EncodeWithSpecialTokens(text);
        }
        catch (TokenizerException exception)
        {
            throw DialectValues.Invalid(exception.Message);
        }
    }
}
