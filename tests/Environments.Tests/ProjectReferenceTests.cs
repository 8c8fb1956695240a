using System.Xml.Linq;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Environments.Tests;

public sealed class ProjectReferenceTests
{
    [Theory]
    [InlineData("Tokenization")]
    [InlineData("RolloutEngine")]
    [InlineData("Tools")]
    [InlineData("Environments", "RolloutEngine", "Tokenization", "Tools")]
    [InlineData("Gateway", "Environments")]
    public void A_project_references_only_the_layer_below(string project, params string[] allowed)
    {
        XDocument file = XDocument.Load(SharedFiles.InRepository("src", project, $"{project}.csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!))
            .Order(StringComparer.Ordinal);

        Assert.Equal(allowed, references);
    }
}
