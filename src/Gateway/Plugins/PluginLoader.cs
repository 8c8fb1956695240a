using System.Reflection;
using AgentRollout.Environments.Plugins;

namespace AgentRollout.Gateway.Plugins;

/// <summary>Loads one plugin: finds its assembly, checks what it was built against, and lets its entry point register.</summary>
internal static class PluginLoader
{
    private const string DependencyFile = ".deps.json";
    private static readonly Version Contract = typeof(Plugin).Assembly.GetName().Version!;

    /// <param name="folder">Holds the output of <c>dotnet publish</c>; its name is the plugin's.</param>
    /// <param name="loggers">Make the plugin's loggers.</param>
    /// <exception cref="PluginException">The plugin cannot be used.</exception>
    public static PluginBuilder Load(string folder, ILoggerFactory loggers)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string name = Path.GetFileName(folder);
        string path = FindAssembly(folder, name);
        try
        {
            PluginContext context = new(name, path);
            Assembly assembly = context.LoadFromAssemblyPath(path);
            CheckReferences(assembly, context, name);
            Type entryPoint = FindEntryPoint(assembly, name);
            PluginBuilder builder = new(name, folder, loggers);
            Create(entryPoint, name).Register(builder);
            return builder;
        }
        catch (Exception exception) when (exception is not PluginException)
        {
            throw Refused(name, $"does not load: {Cause(exception)}", exception);
        }
    }

    private static string FindAssembly(string folder, string name)
    {
        string[] found = [.. Directory.EnumerateFiles(folder, "*" + DependencyFile).Select(file => Path.GetFileName(file)[..^DependencyFile.Length]).Order(StringComparer.Ordinal)];
        if (found is not [var assembly])
        {
            throw Refused(name, found is []
                ? $"has no *{DependencyFile}; put the output of 'dotnet publish' into '{folder}'"
                : $"has the {DependencyFile} files of {string.Join(", ", found)}; a plugin is one assembly and its dependencies");
        }

        string path = Path.Combine(folder, assembly + ".dll");
        return File.Exists(path) ? path : throw Refused(name, $"has '{assembly}{DependencyFile}' without '{assembly}.dll'");
    }

    private static void CheckReferences(Assembly assembly, PluginContext context, string name)
    {
        foreach (AssemblyName reference in assembly.GetReferencedAssemblies())
        {
            if (PluginContext.IsContract(reference.Name) && !IsCompatible(reference.Version!))
            {
                throw Refused(name, $"was built against {reference.Name} {reference.Version!.ToString(3)}; this program has {Contract.ToString(3)}, which takes plugins of {Accepted()}");
            }

            try
            {
                context.LoadFromAssemblyName(reference);
            }
            catch (Exception exception) when (exception is FileNotFoundException or FileLoadException)
            {
                throw Refused(name, $"needs {reference.Name} {reference.Version}, which is neither in its folder nor part of the program", exception);
            }
        }
    }

    /// <summary>Semantic versioning: before 1.0 a minor version may change anything, from then on it only adds.</summary>
    private static bool IsCompatible(Version built) => built.Major == Contract.Major
        && (Contract.Major == 0 ? built.Minor == Contract.Minor : built.Minor <= Contract.Minor);

    private static string Accepted() => Contract.Major == 0 ? $"0.{Contract.Minor}" : $"{Contract.Major}.0 to {Contract.Major}.{Contract.Minor}";

    private static Type FindEntryPoint(Assembly assembly, string name)
    {
        Type[] found = [.. assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Plugin)) && !type.IsAbstract)];
        return found switch
        {
            [var type] => type,
            [] => throw Refused(name, $"has no entry point: '{assembly.GetName().Name}' has no public class that derives from {typeof(Plugin)}"),
            _ => throw Refused(name, $"has {found.Length} entry points, {string.Join(" and ", found.Select(type => type.FullName))}; it must have one"),
        };
    }

    private static Plugin Create(Type type, string name)
    {
        if (type.GetConstructor(Type.EmptyTypes) is null)
            throw Refused(name, $"has the entry point {type.FullName} without a public constructor that takes nothing");
        return (Plugin)Activator.CreateInstance(type)!;
    }

    private static string Cause(Exception exception)
    {
        while (exception is TargetInvocationException or TypeInitializationException && exception.InnerException is { } inner)
            exception = inner;
        return $"{exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ").TrimEnd('.')}";
    }

    private static PluginException Refused(string name, string cause, Exception? inner = null)
    {
        string message = $"Plugin '{name}' {cause}.";
        return inner is null ? new PluginException(message) : new PluginException(message, inner);
    }
}
