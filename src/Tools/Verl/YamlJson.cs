using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentRollout.Tools.Verl;

/// <summary>YAML as JSON, with plain scalars typed as PyYAML types them.</summary>
internal static partial class YamlJson
{
    /// <summary>Deeper is either a mistake or an anchor that holds itself.</summary>
    private const int MaxDepth = 64;

    /// <exception cref="ToolException">The text is no YAML, or has what JSON has no form for.</exception>
    public static JsonNode? Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            throw new ToolException($"line {error.Start.Line} is no YAML: {error.Message.TrimEnd('.')}.", error);
        }

        return stream.Documents is [var document] ? Convert(document.RootNode, 0) : throw new ToolException("it must have exactly one YAML document.");
    }

    private static JsonNode? Convert(YamlNode node, int depth)
    {
        if (depth > MaxDepth)
            throw new ToolException($"line {node.Start.Line} is nested deeper than {MaxDepth} levels.");
        switch (node)
        {
            case YamlMappingNode mapping:
                var members = new JsonObject();
                foreach ((YamlNode key, YamlNode value) in mapping.Children)
                {
                    if (key is not YamlScalarNode { Value: { } name })
                        throw new ToolException($"line {key.Start.Line} has a key that is no text.");
                    members[name] = Convert(value, depth + 1);
                }

                return members;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select(item => Convert(item, depth + 1))]);
            case YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any, Value: var plain }:
                return Typed(plain ?? "");
            default:
                return JsonValue.Create(((YamlScalarNode)node).Value);
        }
    }

    private static JsonValue? Typed(string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return null;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON":
                return JsonValue.Create(true);
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF":
                return JsonValue.Create(false);
        }

        string digits = text.Replace("_", "", StringComparison.Ordinal);
        if (Integer().IsMatch(text) && long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long integer))
            return JsonValue.Create(integer);
        if (Number().IsMatch(text) && double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
            return JsonValue.Create(number);
        return JsonValue.Create(text);
    }

    [GeneratedRegex(@"^[-+]?(?:0|[1-9][0-9_]*)\z")]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|(?:0|[1-9][0-9_]*)(?=[eE])|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?\z")]
    private static partial Regex Number();
}
