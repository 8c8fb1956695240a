using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.Chat;

/// <summary>Plays the calls of chat protocols: renders the conversation, samples, and reads the answer's tokens as text, reasoning and tool calls.</summary>
internal sealed class ChatRunner(Policy policy, DialectRunner runner)
{
    /// <summary>The most answers of one call.</summary>
    public const int MaxChoices = 128;

    /// <summary>The model's name.</summary>
    public string Model => policy.Name;

    public Tokenizer Tokenizer => policy.Format.Tokenizer;

    /// <summary>Finds the prompt of a call and checks all of it before anything of it is answered.</summary>
    /// <param name="call">What is asked for.</param>
    /// <param name="session">Finds the prompt and records the turn, which running the plan ends; null where the prompt is rendered.</param>
    /// <param name="cancellationToken">The client is gone.</param>
    /// <exception cref="InvalidInputException">It cannot be honoured.</exception>
    public async Task<ChatPlan> PlanAsync(ChatCall call, CaptureSession? session, CancellationToken cancellationToken) =>
        session is null ? Plan(call) : await CapturedRun.PlanAsync(call, session, Plan, cancellationToken);

    /// <summary>Renders and checks a call.</summary>
    /// <exception cref="InvalidInputException">It cannot be honoured.</exception>
    public ChatPlan Plan(ChatCall call)
    {
        if (call.Choices is < 1 or > MaxChoices)
            throw Invalid($"'n' is {call.Choices}; it must be 1 to {MaxChoices}.");
        if (call.MaxNewTokens < 0)
            throw Invalid($"'max_tokens' is {call.MaxNewTokens}; it must be at least 0.");
        ReadOnlyMemory<int> prompt = PromptOf(call);
        int left = policy.Engine.Model.ContextLength - prompt.Length;
        if (left < 1)
            throw Invalid($"The prompt has {prompt.Length} tokens, which leaves no room in the context of {policy.Engine.Model.ContextLength}.");
        ulong seed = call.Seed ?? BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        int[] ends = call.IgnoresEnds ? [] : [.. policy.Engine.Model.StopTokenIds.Union(policy.Format.EndOfTurnIds)];
        DialectCall[] answers = [.. Enumerable.Range(0, call.Choices).Select(index => new DialectCall
        {
            Id = call.Choices == 1 ? call.Id : $"{call.Id}-{index}",
            Tokens = prompt,
            MaxNewTokens = call.MaxNewTokens ?? left,
            Sampling = call.Sampling,
            Seed = (ulong)TrajectorySeed.OfSequence((long)seed, index),
            StopTokenIds = [.. ends.Union(call.StopTokenIds)],
            StopTexts = call.StopTexts,
            KeepsStop = call.KeepsStop,
            SkipsSpecialTokens = !call.ReadsTurns && call.SkipsSpecialTokens,
            TopLogprobs = Math.Max(call.TopLogprobs, call.PromptLogprobs ?? 0),
            PromptLogprobsFrom = index == 0 && call.PromptLogprobs is not null ? 0 : null,
            Priority = call.Priority,
            GroupKey = call.GroupKey ?? (call.Choices == 1 ? null : call.Id),
            CacheKey = call.CacheKey,
            FairnessKey = call.FairnessKey,
            SampledBefore = call.SampledBefore,
            OnInterrupt = call.OnInterrupt,
        })];
        runner.Check(answers[0]);
        return new ChatPlan(call, prompt, answers);
    }

    /// <summary>The prompt of a call.</summary>
    /// <exception cref="InvalidInputException">The template refuses the conversation, or the answers cannot be read.</exception>
    public ReadOnlyMemory<int> PromptOf(ChatCall call)
    {
        try
        {
            if (call.ReadsTurns)
                _ = policy.Format.ToolCallParser;
            return call.Prompt ?? Render(call);
        }
        catch (TokenizerException exception)
        {
            throw Invalid(exception.Message);
        }
    }

    /// <summary>Runs a plan; yields a choice each time it has grown, and each at its end. A choice is not touched while the caller has it.</summary>
    /// <exception cref="EngineException">The engine lost it.</exception>
    public IAsyncEnumerable<ChatChoice> RunAsync(ChatPlan plan, CancellationToken cancellationToken) =>
        plan.Turn is { } turn ? CapturedRun.RecordAsync(plan, turn, RunFreelyAsync, cancellationToken) : RunFreelyAsync(plan, cancellationToken);

    private async IAsyncEnumerable<ChatChoice> RunFreelyAsync(ChatPlan plan, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ChatChoice[] choices = [.. plan.Answers.Select((_, index) => new ChatChoice(index, plan.Call, BeginReading(plan)))];
        IAsyncEnumerator<DialectAnswer>[] streams = [.. plan.Answers.Select(answer => runner.RunAsync(answer, leaving.Token).GetAsyncEnumerator(CancellationToken.None))];
        Task<bool>?[] next = new Task<bool>?[streams.Length];
        try
        {
            for (int i = 0; i < streams.Length; i++)
                next[i] = streams[i].MoveNextAsync().AsTask();
            while (next.Any(step => step is not null))
            {
                int index = Array.IndexOf(next, await Task.WhenAny(next.OfType<Task<bool>>()));
                bool hasGrown = await next[index]!;
                next[index] = null;
                if (!hasGrown)
                    continue;
                choices[index].Read(streams[index].Current);
                yield return choices[index];
                next[index] = streams[index].MoveNextAsync().AsTask();
            }
        }
        finally
        {
            await leaving.CancelAsync();
            await Task.WhenAll(next.OfType<Task>()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (IAsyncEnumerator<DialectAnswer> stream in streams)
                await stream.DisposeAsync();
        }
    }

    /// <summary>Runs a plan to its end.</summary>
    /// <exception cref="EngineException">The engine lost it.</exception>
    public async Task<IReadOnlyList<ChatChoice>> CompleteAsync(ChatPlan plan, CancellationToken cancellationToken)
    {
        ChatChoice[] choices = new ChatChoice[plan.Answers.Count];
        await foreach (ChatChoice choice in RunAsync(plan, cancellationToken))
            choices[choice.Index] = choice;
        return choices;
    }

    /// <summary>What the prompt ends with is known here, so that no text waits for a reasoning part that may have been open.</summary>
    private TurnReader? BeginReading(ChatPlan plan) => plan.Call.ReadsTurns
        ? policy.Format.ToolCallParser.Begin(new TurnContext { Tools = plan.Call.Tools, ReasoningIsOpen = policy.Format.EndsInReasoning(plan.Prompt.Span) })
        : null;

    private int[] Render(ChatCall call)
    {
        if (call.Messages.Count == 0)
            throw Invalid("'messages' is empty; at least one message is needed.");
        if (call.Messages.SelectMany(message => message.ToolCalls ?? []).FirstOrDefault(sent => sent.Arguments.ValueKind != JsonValueKind.Object) is { } malformed)
            throw Invalid($"The arguments of call '{malformed.Id}' of '{malformed.Name}' must be the text of a JSON object.");
        IReadOnlyList<ChatMessage> messages = Named(call.Messages);
        return policy.Format.Encode(policy.Format.Template.RenderTracked(messages, call.Tools, addGenerationPrompt: true, call.TemplateArguments)).Ids;
    }

    /// <summary>Gives results the names of the tools that they are of, which some templates write and clients need not send.</summary>
    private static ChatMessage[] Named(IReadOnlyList<ChatMessage> messages)
    {
        Dictionary<string, string> names = [];
        return [.. messages.Select(message =>
        {
            foreach (ToolCall call in message.ToolCalls ?? [])
                names[call.Id] = call.Name;
            return message is { Role: "tool", Name: null, ToolCallId: { } id } && names.TryGetValue(id, out string? name) ? message with { Name = name } : message;
        })];
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
