namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>A container and the stream that is attached to it.</summary>
internal sealed class DockerSandbox(DockerClient docker, string id, Stream attached) : ISandbox
{
    public string Id => id;

    public Stream Input => attached;

    public Stream Output { get; } = new AttachedOutput(attached);

    public Task KillAsync() => docker.KillAsync(id, CancellationToken.None);

    /// <summary>Removes the container. An engine that does not answer loses the attached stream at least, on which the container ends by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        await attached.DisposeAsync();
        try
        {
            await docker.RemoveAsync(id, CancellationToken.None);
        }
        catch (DockerException)
        {
            // The labels of the container still let the next start or the reaper remove it.
        }
    }
}
