namespace AgentRollout.Tools.Tests.Sandbox.Attacks;

/// <summary>A program that a model might try.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Tool"><c>python</c>, <c>shell</c>, <c>read</c> or <c>write</c>.</param>
/// <param name="Input">The program, the command, or the path.</param>
/// <param name="Told">What the model must read, as a regular expression.</param>
public sealed record Attack(string Name, string Tool, string Input, string Told);
