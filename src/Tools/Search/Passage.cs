namespace AgentRollout.Tools.Search;

/// <summary>One entry of a corpus.</summary>
/// <param name="Id">Unique in the corpus.</param>
/// <param name="Title">May be empty.</param>
/// <param name="Text">What the model reads.</param>
public sealed record Passage(string Id, string Title, string Text)
{
    /// <summary>Title and text in one, as Search-R1's corpora and servers have them: the title in quotes on a line of its own, if there is one.</summary>
    public string Contents => Title.Length == 0 ? Text : $"\"{Title}\"\n{Text}";

    /// <summary>Reads <see cref="Contents"/>.</summary>
    public static Passage FromContents(string id, string contents)
    {
        int lineEnd = contents.IndexOf('\n');
        return lineEnd < 0 ? new Passage(id, "", contents) : new Passage(id, contents[..lineEnd].Trim().Trim('"'), contents[(lineEnd + 1)..]);
    }
}
