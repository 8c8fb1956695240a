using AgentRollout.Gateway.Commands;

return await AgentRolloutCommand.RunAsync(args, Terminal.OfProcess());
