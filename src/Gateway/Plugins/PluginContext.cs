using System.Reflection;
using System.Runtime.Loader;

namespace AgentRollout.Gateway.Plugins;

/// <summary>
/// Where a plugin and its dependencies are loaded: each plugin has its own versions of everything but what it exchanges with the program.
/// </summary>
internal sealed class PluginContext(string name, string assemblyPath) : AssemblyLoadContext(name)
{
    private readonly AssemblyDependencyResolver _resolver = new(assemblyPath);

    /// <summary>Whether an assembly is the program's own, so that both mean the same types.</summary>
    public static bool IsShared(string? assembly) => assembly is not null
        && (IsContract(assembly)
            || (assembly.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal) && assembly.EndsWith(".Abstractions", StringComparison.Ordinal)));

    /// <summary>Whether an assembly is one of those that plugins are built against.</summary>
    public static bool IsContract(string? assembly) =>
        assembly is "AgentRollout.Environments" or "AgentRollout.Tools" or "AgentRollout.Tokenization" or "AgentRollout.RolloutEngine";

    protected override Assembly? Load(AssemblyName assemblyName) =>
        !IsShared(assemblyName.Name) && _resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;

    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;
}
