using System.Security.Cryptography;

namespace AgentRollout.Tokenization;

/// <summary>Reads the files of a model's directory.</summary>
internal static class ModelFiles
{
    /// <exception cref="TokenizerException">The file is missing or cannot be read.</exception>
    public static byte[] ReadAllBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException($"'{path}' cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary><c>sha256:</c> and the digest in lower-case hexadecimal.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
}
