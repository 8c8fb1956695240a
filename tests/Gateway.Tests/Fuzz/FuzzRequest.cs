using System.Text;

namespace AgentRollout.Gateway.Tests.Fuzz;

/// <summary>A spoiled request.</summary>
/// <param name="Method">Of HTTP.</param>
/// <param name="Path">With its query.</param>
/// <param name="ContentType">What the body is said to be; null to say nothing.</param>
/// <param name="Body">Bytes of anything.</param>
/// <param name="Way">How it is sent.</param>
internal sealed record FuzzRequest(string Method, string Path, string? ContentType, byte[] Body, Delivery Way)
{
    public override string ToString() =>
        $"{Method} {Path} ({ContentType ?? "no content type"}, {Way}) {Encoding.Latin1.GetString(Body.AsSpan(0, Math.Min(Body.Length, 600)))}";
}

/// <summary>How a request is sent.</summary>
internal enum Delivery
{
    /// <summary>As it should be.</summary>
    Whole,

    /// <summary>The connection ends before the body does.</summary>
    Cut,

    /// <summary>In two halves, with a pause between them.</summary>
    Slow,

    /// <summary>The client is gone once the first bytes of the answer are there.</summary>
    Left,
}
