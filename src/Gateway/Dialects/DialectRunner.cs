using System.Runtime.CompilerServices;
using AgentRollout.Environments;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Dialects;

/// <summary>Plays the calls of all dialects on the engine.</summary>
internal sealed class DialectRunner(Policy policy, LiveCalls calls, WeightLabels labels)
{
    /// <summary>Checks a call before anything of it is answered.</summary>
    /// <exception cref="InvalidInputException">The engine cannot honour it.</exception>
    public void Check(DialectCall call)
    {
        EngineModel model = policy.Engine.Model;
        try
        {
            if (call.MaxNewTokens > 0)
                call.ToRequest().Validate(model);
            else
                ToScore(call).Validate(model);
        }
        catch (EngineException exception)
        {
            throw Invalid(exception.Message);
        }

        if (NeedsScores(call) && policy.Engine is not LocalEngine)
            throw Invalid($"Engine '{policy.Engine.Name}' does not report the log-probabilities of prompts.");
        if (call.StopTexts.Any(text => text.Length == 0))
            throw Invalid($"Request '{call.Id}' has an empty stop text; at least one character is needed.");
    }

    /// <summary>
    /// Runs a call that was checked. The one answer is yielded again each time that it has grown; at the end it has its
    /// <see cref="DialectAnswer.Finish"/>, which an abort through <see cref="LiveCalls"/> gives it too. Cancelling or leaving frees the engine's pages.
    /// </summary>
    /// <exception cref="EngineException">The engine refused or lost it.</exception>
    public async IAsyncEnumerable<DialectAnswer> RunAsync(DialectCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using LiveCalls.LiveCall live = calls.Begin(call.Id, cancellationToken);
        DialectAnswer answer = new(call, policy.Format.Tokenizer, labels, policy.Engine.Model.WeightVersion);
        if (NeedsScores(call))
            answer.Prompt = await EndedByAbort(ScoreAsync(call, live.Token), live);
        if (live.IsAborted)
            answer.End(AbortOf(answer));
        else if (call.MaxNewTokens == 0)
            answer.End(new DialectFinish(FinishKind.Length));
        if (answer.Finish is not null)
        {
            yield return answer;
            yield break;
        }

        await using IAsyncEnumerator<TokenChunk> chunks = policy.Engine.GenerateAsync(call.ToRequest(), live.Token).GetAsyncEnumerator(CancellationToken.None);
        while (answer.Finish is null)
        {
            if (await EndedByAbort(chunks.MoveNextAsync().AsTask(), live))
                answer.Append(chunks.Current);
            else
                answer.End(AbortOf(answer));
            yield return answer;
        }
    }

    private static bool NeedsScores(DialectCall call) => call.PromptLogprobsFrom < call.Tokens.Length - 1;

    private static ScoreRequest ToScore(DialectCall call) => new()
    {
        Tokens = call.Tokens,
        From = (call.PromptLogprobsFrom ?? call.Tokens.Length - 1) + 1,
        TopLogprobs = call.TopLogprobs,
        WatchedTokenIds = call.WatchedTokenIds,
    };

    private async Task<IReadOnlyList<ScoredToken>?> ScoreAsync(DialectCall call, CancellationToken cancellationToken) =>
        await ((LocalEngine)policy.Engine).ScoreAsync(ToScore(call), cancellationToken);

    /// <summary>The result, or the default one where an abort came first; a client that is gone is an exception as ever.</summary>
    private static async Task<T?> EndedByAbort<T>(Task<T> task, LiveCalls.LiveCall live)
    {
        try
        {
            return await task;
        }
        catch (OperationCanceledException) when (live.IsAborted)
        {
            return default;
        }
    }

    /// <summary>Clients tell by the text whether there is something to keep.</summary>
    private static DialectFinish AbortOf(DialectAnswer answer) =>
        new(FinishKind.Abort, Message: answer.Tokens.Count == 0 ? "Abort before prefill" : "Aborted by request");

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
