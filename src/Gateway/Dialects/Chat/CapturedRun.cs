using System.Runtime.CompilerServices;
using AgentRollout.Environments.Capture;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>Chat calls that belong to a session: their prompts are the session's tokens, and what they sample is recorded before it is shown.</summary>
internal static class CapturedRun
{
    /// <summary>Begins the turn of a call.</summary>
    /// <param name="call">What is asked for; how to sample is the session's.</param>
    /// <param name="session">The session.</param>
    /// <param name="plan">Checks a call whose prompt is known.</param>
    /// <param name="cancellationToken">The client is gone.</param>
    /// <exception cref="InvalidInputException">It cannot be honoured; nothing is recorded.</exception>
    public static async Task<ChatPlan> PlanAsync(ChatCall call, CaptureSession session, Func<ChatCall, ChatPlan> plan, CancellationToken cancellationToken)
    {
        if (call.Choices != 1)
            throw DialectValues.Invalid($"'n' is {call.Choices}; in a session it must be 1.");
        if (call.Prompt is not null)
            throw DialectValues.Invalid("'input_ids' is given; in a session prompts are what 'messages' add to its tokens.");
        if (call.Messages.Count == 0)
            throw DialectValues.Invalid("'messages' is empty; at least one message is needed.");
        if (call.Tools.FirstOrDefault(tool => !DialectValues.CanBeKept(tool.Parameters)) is { } wrong)
            throw DialectValues.Invalid($"The parameters of tool '{wrong.Name}' have a member twice or are nested more than 48 deep, which a session cannot keep.");
        if (call.TemplateArguments?.FirstOrDefault(argument => !DialectValues.CanBeKept(argument.Value)).Key is { } argument)
            throw DialectValues.Invalid($"The template's variable '{argument}' has a member twice or is nested more than 48 deep, which a session cannot keep.");
        if (call.Messages.SelectMany(message => message.ToolCalls ?? []).FirstOrDefault(sent => !DialectValues.CanBeKept(sent.Arguments)) is { } odd)
            throw DialectValues.Invalid($"The arguments of call '{odd.Id}' have a member twice or are nested more than 48 deep, which a session cannot keep.");
        ChatPlan? planned = null;
        try
        {
            CapturedTurn turn = await session.BeginAsync(
                new CapturedCall(call.Messages, call.Tools, call.TemplateArguments), prompt => planned = Plan(call, session.Spec, prompt, plan), cancellationToken);
            return planned! with { Turn = turn };
        }
        catch (CaptureException exception)
        {
            // Clients try again what is a conflict.
            string code = exception.Problem switch
            {
                CaptureProblem.Ended => ProblemCodes.SessionEnded,
                CaptureProblem.Limit => ProblemCodes.SessionLimit,
                _ => ProblemCodes.InvalidValue,
            };
            throw new InvalidInputException(code, exception.Message);
        }
    }

    /// <summary>Runs a plan and records what comes; the end is written before it is yielded.</summary>
    /// <exception cref="EngineException">The engine lost it, or the session was sealed meanwhile.</exception>
    public static async IAsyncEnumerable<ChatChoice> RecordAsync(
        ChatPlan plan,
        CapturedTurn turn,
        Func<ChatPlan, CancellationToken, IAsyncEnumerable<ChatChoice>> run,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, turn.Session.Cut);
        ChatChoice? answer = null;
        await using IAsyncEnumerator<ChatChoice> choices = run(plan, either.Token).GetAsyncEnumerator(CancellationToken.None);
        try
        {
            while (await MoveNextAsync(choices, turn, cancellationToken))
            {
                answer = choices.Current;
                if (answer.Answer.Latest is { } chunk && !turn.TryAppend(chunk))
                    throw Sealed(turn);
                if (answer.Answer.Finish is not null)
                    await turn.EndAsync(Shown(plan.Call, answer));
                yield return answer;
            }
        }
        finally
        {
            await turn.EndAsync(Shown(plan.Call, answer));
        }
    }

    private static ChatPlan Plan(ChatCall call, CaptureSpec spec, CapturedPrompt prompt, Func<ChatCall, ChatPlan> plan)
    {
        string cacheKey = prompt.Sequence == 0 ? spec.TrajectoryId : $"{spec.TrajectoryId}/{prompt.Sequence}";
        return plan(call with
        {
            Prompt = prompt.Tokens,
            Sampling = spec.Sampling,
            Seed = prompt.Seed,
            MaxNewTokens = Math.Min(call.MaxNewTokens ?? int.MaxValue, prompt.MaxNewTokens),
            GroupKey = spec.GroupId,
            CacheKey = cacheKey,
        });
    }

    private static async Task<bool> MoveNextAsync(IAsyncEnumerator<ChatChoice> choices, CapturedTurn turn, CancellationToken cancellationToken)
    {
        try
        {
            return await choices.MoveNextAsync();
        }
        catch (OperationCanceledException) when (turn.Session.Cut.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Sealed(turn);
        }
    }

    private static EngineException Sealed(CapturedTurn turn) => new($"Session '{turn.Session.Spec.TrajectoryId}' was sealed while it answered.");

    /// <summary>What the client has read, in the form in which it sends it back.</summary>
    private static ChatMessage Shown(ChatCall call, ChatChoice? answer)
    {
        if (answer is null)
            return ChatMessage.Assistant("");
        IEnumerable<ParsedCall> asText = call.ShowsMalformedCallsAsText ? answer.Calls.Where(IsMalformed) : [];
        ToolCall[] calls = [.. answer.Calls
            .Where(one => !call.ShowsMalformedCallsAsText || !IsMalformed(one))
            .Select((one, index) => new ToolCall(answer.CallId("call_", index), one.Name!, DialectValues.ArgumentsOf(one.ArgumentsText)))];
        return new ChatMessage
        {
            Role = "assistant",
            Content = answer.Content + string.Concat(asText.Select(one => one.RawText)),
            ReasoningContent = answer.Reasoning,
            ToolCalls = calls is [] ? null : calls,
        };
    }

    private static bool IsMalformed(ParsedCall call) => call.Outcome == ParseOutcome.Malformed;
}
