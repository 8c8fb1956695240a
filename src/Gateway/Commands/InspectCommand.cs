using System.CommandLine;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout inspect</c>: shows a model, a chat template, or trajectories token by token.</summary>
internal static class InspectCommand
{
    public static Command Create(Terminal terminal) => new("inspect", "Shows a model, a chat template, or trajectories token by token.")
    {
        Model(terminal),
        Template(terminal),
        Trajectory(terminal),
    };

    private static Command Model(Terminal terminal)
    {
        Argument<string> folder = new("DIR") { Description = "Folder of the model." };
        Command command = new("model", "Shows what a model is and how it is computed.") { folder };
        command.SetAction(async (parsed, _) =>
        {
            await ModelView.ShowAsync(terminal.Console, ModelFolder.Find(parsed.GetRequiredValue(folder)));
            return ExitCodes.Success;
        });
        return command;
    }

    private static Command Template(Terminal terminal)
    {
        Argument<string> path = new("DIR") { Description = "Folder of the model, or a template's file (*.jinja)." };
        Option<bool> json = new("--json") { Description = "Prints the report as one JSON object." };
        Command command = new("template", "Shows what a chat template does to earlier turns, and what the server makes of it.") { path, json };
        command.SetAction(parsed =>
        {
            string asked = parsed.GetRequiredValue(path);
            TemplateReport report = TemplateReport.Of(File.Exists(asked) ? asked : ModelFolder.Find(asked));
            if (parsed.GetValue(json))
                terminal.Console.Profile.Out.Writer.WriteLine(TemplateView.ToJson(report));
            else
                TemplateView.Show(terminal.Console, report);
            return ExitCodes.Success;
        });
        return command;
    }

    private static Command Trajectory(Terminal terminal)
    {
        Argument<string> file = new("FILE") { Description = "Trajectories as lines of JSON." };
        Option<string?> id = OptionFactory.Text("--id", "ID", "Shows this trajectory only. Default: all of the file.");
        Option<bool> logprobs = new("--logprobs") { Description = "Shows the log-probability of every sampled token." };
        Option<bool> messages = new("--messages") { Description = "Tells of every token which message it comes from, and what is the template's." };
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of its tokenizer. Default: the shipped models/tiny-agent.");
        Command command = new("trajectory", "Shows trajectories with their tokens, masks, segments and tool calls.") { file, id, logprobs, messages, model };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string path = parsed.GetRequiredValue(file);
            if (!File.Exists(path))
                throw CommandException.Usage($"File '{path}' does not exist.");
            string folder = ModelFolder.Find(parsed.GetValue(model));
            ChatFormat? format = parsed.GetValue(messages) ? ChatFormat.Load(folder) : null;
            TrajectoryView view = new(terminal.Console, format?.Tokenizer ?? Tokenizer.Load(folder), format, parsed.GetValue(logprobs));
            string? asked = parsed.GetValue(id);
            int shown = 0;
            await foreach (Trajectory trajectory in JsonlTrajectoryStore.ReadFileAsync(path, cancellationToken))
            {
                if (asked is not null && trajectory.Id != asked)
                    continue;
                view.Show(trajectory);
                shown++;
            }

            return shown > 0
                ? ExitCodes.Success
                : throw CommandException.Usage(
                    asked is null ? $"File '{path}' holds no trajectory." : $"File '{path}' holds no trajectory '{asked}'.");
        });
        return command;
    }
}
