using System.Text.Json;

namespace AgentRollout.Environments.Tasks;

/// <summary>
/// Tasks as lines of JSON: <c>{"id":"…","data":{…}}</c>, or the data alone, whose id is then the line number.
/// </summary>
public static class JsonlTasks
{
    /// <summary>Reads and checks the whole file.</summary>
    /// <exception cref="RolloutTaskException">The file is empty, or a line is not a task; the message names file and line.</exception>
    public static IReadOnlyList<RolloutTask> Read(string path)
    {
        List<RolloutTask> tasks = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        int line = 0;
        foreach (string text in File.ReadLines(path))
        {
            line++;
            if (string.IsNullOrWhiteSpace(text))
                continue;
            RolloutTask task = Parse(path, line, text);
            if (!ids.Add(task.Id))
                throw new RolloutTaskException($"{path}, line {line}: task id '{task.Id}' is used twice.");
            tasks.Add(task);
        }

        return tasks is [] ? throw new RolloutTaskException($"{path} holds no task.") : tasks;
    }

    private static RolloutTask Parse(string path, int line, string text)
    {
        JsonElement element;
        try
        {
            element = JsonElement.Parse(text);
        }
        catch (JsonException exception)
        {
            throw new RolloutTaskException($"{path}, line {line} is not JSON: {exception.Message}");
        }

        if (element.ValueKind != JsonValueKind.Object)
            throw new RolloutTaskException($"{path}, line {line} is a JSON {element.ValueKind}; a task is an object.");
        if (!element.TryGetProperty("data", out JsonElement data))
            return new RolloutTask($"line-{line}", element);
        if (data.ValueKind != JsonValueKind.Object)
            throw new RolloutTaskException($"{path}, line {line}: 'data' is a JSON {data.ValueKind}; it must be an object.");
        if (!element.TryGetProperty("id", out JsonElement id))
            return new RolloutTask($"line-{line}", data);
        return id.ValueKind == JsonValueKind.String
            ? new RolloutTask(id.GetString()!, data)
            : throw new RolloutTaskException($"{path}, line {line}: 'id' is a JSON {id.ValueKind}; it must be a string.");
    }
}
