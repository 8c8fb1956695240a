using AgentRollout.Environments.Tasks;
using Xunit;

namespace AgentRollout.Environments.Tests.Tasks;

public sealed class JsonlTasksTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void Data_may_stand_alone_or_with_an_id()
    {
        File.WriteAllText(_path, """
            {"id": "a", "data": {"question": "1+1", "answer": "2"}}

            {"question": "2+2", "answer": "4"}
            """);

        IReadOnlyList<RolloutTask> tasks = JsonlTasks.Read(_path);

        Assert.Equal(["a", "line-3"], tasks.Select(task => task.Id));
        Assert.Equal(["2", "4"], tasks.Select(task => task.Data.GetProperty("answer").GetString()));
    }

    [Theory]
    [InlineData("", "holds no task")]
    [InlineData("\n \n", "holds no task")]
    [InlineData("{\"a\":1}\nnonsense", "line 2 is not JSON")]
    [InlineData("[1]", "line 1 is a JSON Array")]
    [InlineData("{\"id\":\"a\",\"data\":3}", "'data' is a JSON Number")]
    [InlineData("{\"id\":4,\"data\":{}}", "'id' is a JSON Number")]
    [InlineData("{\"id\":\"a\",\"data\":{}}\n{\"id\":\"a\",\"data\":{}}", "line 2: task id 'a' is used twice")]
    public void What_is_no_task_is_refused_with_its_line(string content, string expected)
    {
        File.WriteAllText(_path, content);

        RolloutTaskException exception = Assert.Throws<RolloutTaskException>(() => JsonlTasks.Read(_path));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith(_path, exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_path);
}
