using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace AgentRollout.Gateway.Page;

/// <summary>
/// The page for people, at <c>/</c>: plain HTML, CSS and ES modules that are part of the program and read everything through the API. It
/// loads nothing from elsewhere, and its policy allows the browser nothing else.
/// </summary>
internal static class PageEndpoints
{
    private const string Folder = "Page/";

    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    public static void MapPage(this IEndpointRouteBuilder routes)
    {
        Assembly assembly = typeof(PageEndpoints).Assembly;
        foreach (string name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)))
        {
            string file = name[Folder.Length..];
            PageFile content = PageFile.Read(assembly, name);
            routes.MapGet(file == "index.html" ? "/" : $"/page/{file}", (HttpContext context) => Send(context, content)).ExcludeFromDescription();
        }
    }

    /// <summary>The browser asks again each time and gets <c>304</c> while nothing changed, so an update of the server is seen at once.</summary>
    private static FileContentHttpResult Send(HttpContext context, PageFile file)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        return TypedResults.Bytes(file.Content, file.MediaType, entityTag: file.Tag);
    }

    private sealed record PageFile(byte[] Content, string MediaType, EntityTagHeaderValue Tag)
    {
        public static PageFile Read(Assembly assembly, string name)
        {
            using Stream stream = assembly.GetManifestResourceStream(name)!;
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            return new PageFile(content, MediaTypeOf(name), new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content))}\""));
        }

        private static string MediaTypeOf(string name) => Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
    }
}
