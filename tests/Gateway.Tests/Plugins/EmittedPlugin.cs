using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Loader;
using System.Text.Json;
using AgentRollout.Environments.Plugins;

namespace AgentRollout.Gateway.Tests.Plugins;

/// <summary>Writes tiny plugins and libraries as real assemblies.</summary>
internal static class EmittedPlugin
{
    private const string Library = "Emitted.Library";

    /// <summary>A plugin whose entry points each register a <see cref="NamedReward"/>.</summary>
    public static void Write(string folder, int entryPoints = 1, string reward = "emitted") => Emit(folder, module =>
    {
        for (int i = 1; i <= entryPoints; i++)
            DefineEntry(module, $"Entry{i}", typeof(Plugin), il => il.Emit(OpCodes.Ldstr, reward));
    });

    /// <summary>A plugin whose reward has the name that a library of this version gives it.</summary>
    public static void WriteWithLibrary(string folder, string version, string reward, bool isComplete = true)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("agentrollout-").FullName, Library + ".dll");
        EmitTo(path, new Version(version), module =>
        {
            TypeBuilder type = module.DefineType("Names", TypeAttributes.Public | TypeAttributes.Class);
            ILGenerator il = type.DefineMethod("Get", MethodAttributes.Public | MethodAttributes.Static, typeof(string), []).GetILGenerator();
            il.Emit(OpCodes.Ldstr, reward);
            il.Emit(OpCodes.Ret);
            type.CreateType();
        });
        MethodInfo get = new AssemblyLoadContext("emit").LoadFromAssemblyPath(path).GetType("Names")!.GetMethod("Get")!;
        Emit(folder, module => DefineEntry(module, "Entry", typeof(Plugin), il => il.Emit(OpCodes.Call, get)), isComplete ? Library : null);
        if (isComplete)
            File.Copy(path, Path.Combine(folder, Library + ".dll"));
    }

    /// <summary>A plugin whose constructor throws.</summary>
    public static void WriteThrowing(string folder) => Emit(folder, module =>
    {
        TypeBuilder type = DefineEntry(module, "Entry", typeof(Plugin), il => il.Emit(OpCodes.Ldstr, "x"), create: false);
        ILGenerator il = type.DefineConstructor(MethodAttributes.Public, CallingConventions.Standard, []).GetILGenerator();
        il.Emit(OpCodes.Ldstr, "no key in settings.json");
        il.Emit(OpCodes.Newobj, typeof(InvalidOperationException).GetConstructor([typeof(string)])!);
        il.Emit(OpCodes.Throw);
        type.CreateType();
    });

    /// <summary>A plugin that was built against contracts of another version.</summary>
    public static void WriteForContract(string folder, string version)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("agentrollout-").FullName, "AgentRollout.Environments.dll");
        EmitTo(path, new Version(version), module => module.DefineType("Plugin", TypeAttributes.Public | TypeAttributes.Class).CreateType());
        Type contract = new AssemblyLoadContext("emit").LoadFromAssemblyPath(path).GetType("Plugin")!;
        Emit(folder, module => module.DefineType("Entry", TypeAttributes.Public | TypeAttributes.Class, contract).CreateType());
    }

    private static void Emit(string folder, Action<ModuleBuilder> define, string? library = null)
    {
        Directory.CreateDirectory(folder);
        string name = Path.GetFileName(folder) + ".Main";
        EmitTo(Path.Combine(folder, name + ".dll"), new Version(1, 0), define);
        string[] assemblies = library is null ? [name] : [name, library];
        const string Target = ".NETCoreApp,Version=v10.0";
        File.WriteAllText(Path.Combine(folder, name + ".deps.json"), JsonSerializer.Serialize(new
        {
            runtimeTarget = new { name = Target, signature = "" },
            targets = new Dictionary<string, object>
            {
                [Target] = assemblies.ToDictionary(
                    assembly => assembly + "/1.0.0",
                    assembly => new { runtime = new Dictionary<string, object> { [assembly + ".dll"] = new { } } }),
            },
            libraries = assemblies.ToDictionary(assembly => assembly + "/1.0.0", _ => new { type = "project", serviceable = false, sha512 = "" }),
        }));
    }

    private static TypeBuilder DefineEntry(ModuleBuilder module, string name, Type contract, Action<ILGenerator> pushName, bool create = true)
    {
        TypeBuilder type = module.DefineType(name, TypeAttributes.Public | TypeAttributes.Class, contract);
        MethodInfo register = typeof(Plugin).GetMethod(nameof(Plugin.Register))!;
        ILGenerator il = type.DefineMethod(
            register.Name, MethodAttributes.Public | MethodAttributes.Virtual | MethodAttributes.HideBySig, typeof(void), [typeof(PluginBuilder)]).GetILGenerator();
        il.Emit(OpCodes.Ldarg_1);
        pushName(il);
        il.Emit(OpCodes.Newobj, typeof(NamedReward).GetConstructor([typeof(string)])!);
        il.Emit(OpCodes.Callvirt, typeof(PluginBuilder).GetMethod(nameof(PluginBuilder.AddReward))!);
        il.Emit(OpCodes.Pop);
        il.Emit(OpCodes.Ret);
        if (create)
        {
            ILGenerator constructor = type.DefineConstructor(MethodAttributes.Public, CallingConventions.Standard, []).GetILGenerator();
            constructor.Emit(OpCodes.Ldarg_0);
            constructor.Emit(OpCodes.Call, contract.GetConstructor(BindingFlags.Instance | BindingFlags.NonPublic, [])!);
            constructor.Emit(OpCodes.Ret);
            type.CreateType();
        }

        return type;
    }

    private static void EmitTo(string path, Version version, Action<ModuleBuilder> define)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        PersistedAssemblyBuilder assembly = new(new AssemblyName(name) { Version = version }, typeof(object).Assembly);
        define(assembly.DefineDynamicModule(name));
        assembly.Save(path);
    }
}
