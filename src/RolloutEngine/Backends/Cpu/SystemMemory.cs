using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Memory from the operating system: in 2 MiB pages where it has them, which spares large streams their page walks.</summary>
internal static unsafe partial class SystemMemory
{
    private const nuint HugePage = 2 << 20;
    private const int ReadWrite = 3;
    private const int ReadExecute = 5;
    private const int PrivateAnonymous = 0x22;
    private const int AdviseHugePages = 14;
    private const int AdviseDontNeed = 4;

    /// <summary>Whether <see cref="Map"/> works here.</summary>
    public static bool CanMap { get; } = OperatingSystem.IsLinux();

    /// <summary>Zeroed memory, aligned to huge pages; the system provides it as it is first touched. Null where there is none.</summary>
    public static void* Map(nuint bytes)
    {
        nuint reserved = Reserved(bytes);
        byte* start = (byte*)MemoryMap(null, reserved, ReadWrite, PrivateAnonymous, -1, 0);
        if (start == (byte*)-1)
            return null;

        byte* aligned = (byte*)(((nuint)start + HugePage - 1) / HugePage * HugePage);
        nuint before = (nuint)(aligned - start), size = reserved - HugePage;
        if (before > 0)
            _ = MemoryUnmap(start, before);
        _ = MemoryUnmap(aligned + size, HugePage - before);
        _ = MemoryAdvise(aligned, size, AdviseHugePages);
        return aligned;
    }

    /// <summary>Gives the memory of a mapping back; the addresses stay, and read as zero.</summary>
    public static void Discard(void* start, nuint bytes) => _ = MemoryAdvise(start, Reserved(bytes) - HugePage, AdviseDontNeed);

    /// <summary>Gives back what <see cref="Map"/> gave for the same size.</summary>
    public static void Unmap(void* start, nuint bytes) => _ = MemoryUnmap(start, Reserved(bytes) - HugePage);

    /// <summary>
    /// Where each part of some machine code begins, for the rest of the process; never writable and executable at once. Null where the
    /// system forbids it.
    /// </summary>
    public static nint[]? MapCode(IReadOnlyList<byte[]> parts)
    {
        byte[] code = [.. parts.SelectMany(part => part)];
        byte* start = (byte*)MemoryMap(null, (nuint)code.Length, ReadWrite, PrivateAnonymous, -1, 0);
        if (start == (byte*)-1)
            return null;
        code.CopyTo(new Span<byte>(start, code.Length));
        if (MemoryProtect(start, (nuint)code.Length, ReadExecute) != 0)
            return null;

        nint[] starts = new nint[parts.Count];
        for (int i = 0; i < parts.Count; start += parts[i++].Length)
            starts[i] = (nint)start;
        return starts;
    }

    private static nuint Reserved(nuint bytes) => (bytes + HugePage - 1) / HugePage * HugePage + HugePage;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* MemoryMap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int MemoryProtect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(void* address, nuint length, int advice);
}
