using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Journal;

/// <summary>
/// The bytes of journal entries (docs/journal.md): token arrays packed by <see cref="TokenPacking"/>, texts as JSON, compressed where that is worth
/// it. What was written stays readable: a kind of event keeps its number and its layout; a changed one gets a new number.
/// </summary>
public static class JournalCodec
{
    /// <summary>Shorter texts gain nothing from compression.</summary>
    private const int LeastCompressed = 512;

    private enum Kind : byte
    {
        Began = 1,
        Resumed = 2,
        PromptRendered = 3,
        TurnSampled = 4,
        CallsRequested = 5,
        CallAnswered = 6,
        MessagesAppended = 7,
        Rewarded = 8,
        Leased = 9,
        Acknowledged = 10,
        Forked = 11,
        MessagesReplaced = 12,
        TurnPrompted = 13,
        TurnAnswered = 14,
    }

    /// <summary>One entry.</summary>
    public static byte[] Encode(IReadOnlyList<JournalEvent> events)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        foreach (JournalEvent value in events)
            Write(writer, value);
        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>The events of one entry.</summary>
    /// <exception cref="JournalException">The bytes are not those of an entry.</exception>
    public static IReadOnlyList<JournalEvent> Decode(byte[] entry)
    {
        try
        {
            using BinaryReader reader = new(new MemoryStream(entry, writable: false));
            List<JournalEvent> events = [];
            while (reader.BaseStream.Position < entry.Length)
                events.Add(Read(reader));
            return events;
        }
        catch (Exception exception) when (exception is IOException or JsonException or FormatException or InvalidDataException or InvalidOperationException or ArgumentException)
        {
            throw new JournalException($"An entry of {entry.Length} bytes is damaged: {exception.Message}", exception);
        }
    }

    /// <summary>JSON, compressed.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> utf8)
    {
        byte[] buffer = new byte[BrotliEncoder.GetMaxCompressedLength(utf8.Length)];
        if (!BrotliEncoder.TryCompress(utf8, buffer, out int written, quality: 1, window: 18))
            throw new InvalidOperationException($"{utf8.Length} bytes could not be compressed.");
        return buffer[..written];
    }

    /// <summary>What <see cref="Compress"/> was given.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged.</exception>
    public static byte[] Decompress(byte[] compressed)
    {
        using MemoryStream result = new();
        using (BrotliStream brotli = new(new MemoryStream(compressed, writable: false), CompressionMode.Decompress))
            brotli.CopyTo(result);
        return result.ToArray();
    }

    private static void Write(BinaryWriter writer, JournalEvent value)
    {
        switch (value)
        {
            case TrajectoryBegan:
                writer.Write((byte)Kind.Began);
                break;
            case TrajectoryResumed:
                writer.Write((byte)Kind.Resumed);
                break;
            case TrajectoryForked forked:
                writer.Write((byte)Kind.Forked);
                writer.Write(forked.Parent.TrajectoryId);
                writer.Write7BitEncodedInt(forked.Parent.Turn);
                writer.Write7BitEncodedInt64(forked.Seed);
                break;
            case MessagesReplaced replaced:
                writer.Write((byte)Kind.MessagesReplaced);
                WriteJson(writer, replaced.Messages);
                break;
            case PromptRendered prompt:
                writer.Write((byte)Kind.PromptRendered);
                WriteJson(writer, prompt.Messages);
                TokenPacking.Write(writer, prompt.TokenIds.Span);
                break;
            case TurnSampled turn:
                writer.Write((byte)Kind.TurnSampled);
                Write(writer, turn);
                break;
            case CallsRequested calls:
                writer.Write((byte)Kind.CallsRequested);
                Write(writer, calls.CallIds);
                break;
            case CallAnswered call:
                writer.Write((byte)Kind.CallAnswered);
                writer.Write(call.CallId);
                WriteJson(writer, call.Result);
                break;
            case MessagesAppended appended:
                writer.Write((byte)Kind.MessagesAppended);
                Write(writer, appended);
                break;
            case TurnPrompted prompted:
                writer.Write((byte)Kind.TurnPrompted);
                WriteJson(writer, prompted.Call);
                Write(writer, prompted.Spans);
                break;
            case TurnAnswered answered:
                writer.Write((byte)Kind.TurnAnswered);
                writer.Write7BitEncodedInt(answered.Turn);
                WriteJson(writer, answered.Message);
                break;
            case EpisodeRewarded rewarded:
                writer.Write((byte)Kind.Rewarded);
                WriteJson(writer, rewarded.Components);
                break;
            case TrajectoryLeased leased:
                writer.Write((byte)Kind.Leased);
                writer.Write(leased.LeaseId);
                break;
            case TrajectoryAcknowledged acknowledged:
                writer.Write((byte)Kind.Acknowledged);
                writer.Write(acknowledged.LeaseId);
                break;
            default:
                throw new ArgumentException($"Events of type {value.GetType().Name} are not written.", nameof(value));
        }
    }

    private static JournalEvent Read(BinaryReader reader) => (Kind)reader.ReadByte() switch
    {
        Kind.Began => new TrajectoryBegan(),
        Kind.Resumed => new TrajectoryResumed(),
        Kind.PromptRendered => new PromptRendered(ReadJson<IReadOnlyList<ChatMessage>>(reader)!, TokenPacking.ReadIds(reader)),
        Kind.TurnSampled => ReadTurn(reader),
        Kind.CallsRequested => new CallsRequested(ReadStrings(reader) ?? []),
        Kind.CallAnswered => new CallAnswered(reader.ReadString(), ReadJson<ToolResult>(reader)!),
        Kind.MessagesAppended => ReadMessages(reader),
        Kind.Rewarded => new EpisodeRewarded(ReadJson<IReadOnlyDictionary<string, double>>(reader)),
        Kind.Leased => new TrajectoryLeased(reader.ReadString()),
        Kind.Acknowledged => new TrajectoryAcknowledged(reader.ReadString()),
        Kind.Forked => new TrajectoryForked(new TrajectoryParent(reader.ReadString(), reader.Read7BitEncodedInt()), reader.Read7BitEncodedInt64()),
        Kind.MessagesReplaced => new MessagesReplaced(ReadJson<IReadOnlyList<ChatMessage>>(reader)!),
        Kind.TurnPrompted => new TurnPrompted(ReadJson<PromptedCall>(reader)!, ReadSpans(reader)),
        Kind.TurnAnswered => new TurnAnswered(reader.Read7BitEncodedInt(), ReadJson<ChatMessage>(reader)!),
        Kind unknown => throw new FormatException($"Event kind {(int)unknown} is unknown; known kinds: 1 to {(int)Kind.TurnAnswered}."),
    };

    private static void Write(BinaryWriter writer, TurnSampled turn)
    {
        writer.Write7BitEncodedInt(turn.Turn);
        writer.Write7BitEncodedInt(turn.Runs.Count);
        foreach (WeightRun run in turn.Runs)
        {
            writer.Write7BitEncodedInt(run.Count);
            writer.Write7BitEncodedInt64(run.WeightVersion);
        }

        TokenPacking.Write(writer, turn.TokenIds.Span);
        TokenPacking.Write(writer, turn.Logprobs.Span);
        writer.Write(turn.SamplingLogprobs is not null);
        if (turn.SamplingLogprobs is { } sampling)
            TokenPacking.Write(writer, sampling.Span);
        writer.Write((sbyte)(turn.Finish is { } finish ? (int)finish : -1));
        writer.Write(turn.Timings is not null);
        if (turn.Timings is not { } timings)
            return;
        writer.Write7BitEncodedInt64(timings.Queue.Ticks);
        writer.Write7BitEncodedInt64(timings.Prefill.Ticks);
        writer.Write7BitEncodedInt64(timings.Decode.Ticks);
    }

    private static TurnSampled ReadTurn(BinaryReader reader)
    {
        int turn = reader.Read7BitEncodedInt();
        WeightRun[] runs = new WeightRun[ReadCount(reader)];
        for (int i = 0; i < runs.Length; i++)
            runs[i] = new WeightRun(reader.Read7BitEncodedInt(), reader.Read7BitEncodedInt64());
        int[] ids = TokenPacking.ReadIds(reader);
        float[] logprobs = TokenPacking.ReadLogprobs(reader);
        // A bare null would become an empty memory.
        ReadOnlyMemory<float>? sampling = reader.ReadBoolean() ? TokenPacking.ReadLogprobs(reader) : default(ReadOnlyMemory<float>?);
        sbyte finish = reader.ReadSByte();
        GenerationTimings? timings = reader.ReadBoolean() ? new GenerationTimings(ReadTime(reader), ReadTime(reader), ReadTime(reader)) : null;
        return new TurnSampled(turn, runs, ids, logprobs, sampling, finish < 0 ? null : (FinishReason)finish, timings);
    }

    private static void Write(BinaryWriter writer, MessagesAppended appended)
    {
        WriteJson(writer, appended.Messages);
        Write(writer, appended.CallIds);
        writer.Write(appended.StartsSequence);
        Write(writer, appended.Spans);
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<RenderedSpan> spans)
    {
        writer.Write7BitEncodedInt(spans.Count);
        foreach (RenderedSpan span in spans)
        {
            writer.Write((byte)span.Source);
            TokenPacking.Write(writer, span.Tokens);
        }
    }

    private static MessagesAppended ReadMessages(BinaryReader reader)
    {
        IReadOnlyList<ChatMessage>? messages = ReadJson<IReadOnlyList<ChatMessage>>(reader);
        IReadOnlyList<string>? callIds = ReadStrings(reader);
        bool startsSequence = reader.ReadBoolean();
        return new MessagesAppended(messages, callIds, ReadSpans(reader), startsSequence);
    }

    private static RenderedSpan[] ReadSpans(BinaryReader reader)
    {
        RenderedSpan[] spans = new RenderedSpan[ReadCount(reader)];
        for (int i = 0; i < spans.Length; i++)
            spans[i] = new RenderedSpan((SegmentSource)reader.ReadByte(), TokenPacking.ReadIds(reader));
        return spans;
    }

    /// <summary>A number of things that take at least a byte each.</summary>
    private static int ReadCount(BinaryReader reader)
    {
        int count = reader.Read7BitEncodedInt();
        long rest = reader.BaseStream.Length - reader.BaseStream.Position;
        return count >= 0 && count <= rest + 1 ? count : throw new InvalidDataException($"{count} things cannot follow in {rest} bytes.");
    }

    private static TimeSpan ReadTime(BinaryReader reader) => TimeSpan.FromTicks(reader.Read7BitEncodedInt64());

    /// <summary>The number of strings and one, so that 0 is none at all.</summary>
    private static void Write(BinaryWriter writer, IReadOnlyList<string>? values)
    {
        writer.Write7BitEncodedInt(values is null ? 0 : values.Count + 1);
        foreach (string value in values ?? [])
            writer.Write(value);
    }

    private static string[]? ReadStrings(BinaryReader reader)
    {
        int count = ReadCount(reader);
        if (count == 0)
            return null;
        string[] values = new string[count - 1];
        for (int i = 0; i < values.Length; i++)
            values[i] = reader.ReadString();
        return values;
    }

    private static void WriteJson<T>(BinaryWriter writer, T value)
    {
        byte[] utf8 = JsonSerializer.SerializeToUtf8Bytes(value, TypeInfo<T>());
        bool compresses = utf8.Length >= LeastCompressed;
        byte[] written = compresses ? Compress(utf8) : utf8;
        writer.Write(compresses);
        writer.Write7BitEncodedInt(written.Length);
        writer.Write(written);
    }

    private static T? ReadJson<T>(BinaryReader reader)
    {
        bool isCompressed = reader.ReadBoolean();
        byte[] bytes = reader.ReadBytes(ReadCount(reader));
        return JsonSerializer.Deserialize(isCompressed ? Decompress(bytes) : bytes, TypeInfo<T>());
    }

    private static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)TrajectoryJson.Options.GetTypeInfo(typeof(T));
}
