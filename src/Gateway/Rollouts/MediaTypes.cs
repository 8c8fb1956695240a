using Microsoft.Net.Http.Headers;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>The forms in which trajectories are handed out.</summary>
internal static class MediaTypes
{
    public const string Json = "application/json";
    public const string NdJson = "application/x-ndjson";
    public const string Safetensors = "application/vnd.safetensors";

    /// <summary>In the order in which they are preferred.</summary>
    public static readonly string[] All = [Json, NdJson, Safetensors];

    /// <summary>The first known type that the client accepts best; null where it accepts none of them.</summary>
    public static string? Negotiate(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? accepted))
            return request.Headers.Accept.Count == 0 ? Json : null;
        foreach (MediaTypeHeaderValue type in accepted.OrderByDescending(type => type.Quality ?? 1))
        {
            string? match = All.FirstOrDefault(known => new MediaTypeHeaderValue(known).IsSubsetOf(type));
            if (match is not null && type.Quality != 0)
                return match;
        }

        return null;
    }
}
