namespace AgentRollout.Gateway.Plugins;

/// <summary>A plugin cannot be used; the message names it and the cause.</summary>
internal sealed class PluginException : Exception
{
    public PluginException(string message) : base(message)
    {
    }

    public PluginException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
