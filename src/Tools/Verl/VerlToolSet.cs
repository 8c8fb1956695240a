using System.Text.Json.Nodes;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// The tools of a file that verl reads as <c>tool_config_path</c>: each class of verl's that is known is one of ours that does the same, anything
/// else is refused, and so is every key that has no effect here.
/// </summary>
public sealed class VerlToolSet : ITrajectoryEnd
{
    private const string Native = "native";
    private const string Mcp = "mcp";

    private static readonly OrderedDictionary<string, Func<VerlSection, ToolSpec, HttpToolClient, ITool>> NativeClasses = new()
    {
        ["verl.tools.search_tool.SearchTool"] = VerlSearchTool.Create,
        ["verl.tools.sandbox_fusion_tools.SandboxFusionTool"] = SandboxFusionTool.Create,
        ["verl.tools.gsm8k_tool.Gsm8kTool"] = (_, spec, _) => Gsm8kTool.Create(spec),
    };

    private static readonly string[] McpClasses = ["verl.tools.mcp_base_tool.MCPBaseTool", "verl.tools.mcp_search_tool.MCPSearchTool"];

    private VerlToolSet(IReadOnlyList<ITool> tools, IReadOnlyList<McpServerDefinition> mcpServers) => (Tools, McpServers) = (tools, mcpServers);

    /// <summary>Those of type <c>native</c>, in the order of the file.</summary>
    public IReadOnlyList<ITool> Tools { get; }

    /// <summary>Those of the entries of type <c>mcp</c>, whose tools come when they are started.</summary>
    public IReadOnlyList<McpServerDefinition> McpServers { get; }

    /// <summary>Reads a tool file.</summary>
    /// <exception cref="ToolException">The file cannot be used; the message names the place, what is wrong there and what is known.</exception>
    public static VerlToolSet Load(string path, HttpToolClient client)
    {
        try
        {
            return Read(File.ReadAllText(path), client);
        }
        catch (Exception error) when (error is ToolException or IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"Tool file '{path}': {error.Message}", error);
        }
    }

    /// <summary>Lets go of what the tools hold for a trajectory, as verl's <c>release</c> does.</summary>
    public async ValueTask TrajectoryEndedAsync(string trajectoryId)
    {
        foreach (ITrajectoryEnd tool in Tools.OfType<ITrajectoryEnd>())
            await tool.TrajectoryEndedAsync(trajectoryId);
    }

    private static VerlToolSet Read(string yaml, HttpToolClient client)
    {
        VerlSection file = new(YamlJson.Read(yaml), "");
        List<ITool> tools = [];
        List<McpServerDefinition> servers = [];
        JsonArray entries = file.List("tools");
        file.RefuseOthers();
        for (int i = 0; i < entries.Count; i++)
        {
            VerlSection entry = new(entries[i], $"tools[{i}]");
            string name = entry.RequiredText("class_name");
            VerlSection config = entry.Section("config");
            switch (config.Text("type") ?? Native)
            {
                case Native:
                    tools.Add(ReadNative(name, entry, config, client));
                    break;
                case Mcp:
                    servers.AddRange(ReadMcp(name, entry, config));
                    break;
                case var type:
                    throw new ToolException($"'tools[{i}].config.type' is '{type}'; known types: {Native}, {Mcp}.");
            }

            config.RefuseOthers();
            entry.RefuseOthers();
        }

        return new VerlToolSet(tools, servers);
    }

    private static ITool ReadNative(string name, VerlSection entry, VerlSection config, HttpToolClient client)
    {
        if (!NativeClasses.TryGetValue(name, out Func<VerlSection, ToolSpec, HttpToolClient, ITool>? create))
        {
            throw new ToolException(
                $"Class '{name}' is not known; known classes of type {Native}: {string.Join(", ", NativeClasses.Keys)}; one of your own can be " +
                "served over HTTP and named in 'http_tools'.");
        }

        ToolSpec spec = VerlSchema.Read(entry.Section("tool_schema"));
        return create(config, spec, client);
    }

    private static IReadOnlyList<McpServerDefinition> ReadMcp(string name, VerlSection entry, VerlSection config) => McpClasses.Contains(name)
        ? VerlMcpServers.Read(entry.Section("mcp"), config)
        : throw new ToolException($"Class '{name}' is not known; known classes of type {Mcp}: {string.Join(", ", McpClasses)}.");
}
