using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentRollout.Gateway.Commands;

/// <summary>Turns lines of JSON into lines of JSON, one for one and in order, with memory for one line at a time.</summary>
internal static class JsonLines
{
    private const int BufferBytes = 1 << 16;
    private const int FlushBytes = 1 << 18;

    private static readonly JsonWriterOptions _writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Calls <paramref name="convert"/> for each line. Where it throws one of <paramref name="isExpected"/>, or the line is not a JSON
    /// object, the line's answer is <c>{"error": …}</c>.
    /// </summary>
    /// <returns>How many lines failed.</returns>
    public static async Task<int> ConvertAsync(
        Stream input, Stream output, Action<JsonElement, Utf8JsonWriter> convert, Func<Exception, bool> isExpected, CancellationToken cancellationToken)
    {
        PipeReader reader = PipeReader.Create(input, new StreamPipeReaderOptions(bufferSize: BufferBytes, leaveOpen: true));
        ArrayBufferWriter<byte> answers = new(FlushBytes);
        ArrayBufferWriter<byte> answer = new();
        using Utf8JsonWriter json = new(answer, _writing);
        int failures = 0;

        void Convert(ReadOnlySequence<byte> line)
        {
            answer.ResetWrittenCount();
            json.Reset();
            if (!TryConvert(line, json, convert, isExpected, out string? error))
            {
                failures++;
                answer.ResetWrittenCount();
                json.Reset();
                WriteError(json, error!);
            }

            answers.Write(answer.WrittenSpan);
            answers.Write("\n"u8);
        }

        bool isComplete = false;
        while (!isComplete)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken);
            isComplete = read.IsCompleted;
            ReadOnlySequence<byte> rest = read.Buffer;
            while (TryTakeLine(ref rest, isComplete, out ReadOnlySequence<byte> line))
            {
                Convert(line);
                if (answers.WrittenCount >= FlushBytes)
                    await FlushAsync(output, answers, cancellationToken);
            }

            reader.AdvanceTo(rest.Start, rest.End);
            await FlushAsync(output, answers, cancellationToken);
        }

        await reader.CompleteAsync();
        return failures;
    }

    private static bool TryTakeLine(ref ReadOnlySequence<byte> rest, bool isComplete, out ReadOnlySequence<byte> line)
    {
        if (rest.PositionOf((byte)'\n') is { } end)
        {
            line = rest.Slice(0, end);
            rest = rest.Slice(rest.GetPosition(1, end));
            return true;
        }

        line = rest;
        if (!isComplete || rest.IsEmpty)
            return false;
        rest = rest.Slice(rest.End);
        return true;
    }

    private static bool TryConvert(
        ReadOnlySequence<byte> line,
        Utf8JsonWriter json,
        Action<JsonElement, Utf8JsonWriter> convert,
        Func<Exception, bool> isExpected,
        out string? error)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"The line is a JSON {document.RootElement.ValueKind}; it must be an object.");
            convert(document.RootElement, json);
            json.Flush();
            error = null;
            return true;
        }
        catch (JsonException exception)
        {
            error = $"The line is not JSON at byte {exception.BytePositionInLine + 1}.";
        }
        catch (Exception exception) when (exception is InvalidDataException || isExpected(exception))
        {
            error = exception.Message;
        }

        return false;
    }

    private static void WriteError(Utf8JsonWriter json, string error)
    {
        json.WriteStartObject();
        json.WriteString("error", error);
        json.WriteEndObject();
        json.Flush();
    }

    private static async Task FlushAsync(Stream output, ArrayBufferWriter<byte> answers, CancellationToken cancellationToken)
    {
        await output.WriteAsync(answers.WrittenMemory, cancellationToken);
        await output.FlushAsync(cancellationToken);
        answers.ResetWrittenCount();
    }
}
