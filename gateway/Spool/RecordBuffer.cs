using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Quota.Gateway.Spool;

/// <summary>A record made ready outside the log's lock, in a buffer of the thread's own. Used and given back at once, on one thread.</summary>
internal sealed class RecordBuffer : IDisposable
{
    private const int MaxDigits = 20;

    [ThreadStatic]
    private static RecordBuffer? _spare;

    private readonly ArrayBufferWriter<byte> _bytes = new(4096);
    private readonly Utf8JsonWriter _json;
    private RecordKind _kind;

    private RecordBuffer() => _json = new Utf8JsonWriter(_bytes);

    /// <summary>Writes a value as a record of this kind.</summary>
    /// <exception cref="InvalidOperationException">It is larger than a record may be.</exception>
    public static RecordBuffer Rent<T>(RecordKind kind, T value, JsonTypeInfo<T> type)
    {
        var buffer = _spare ?? new RecordBuffer();
        _spare = null;
        buffer._kind = kind;
        buffer._bytes.ResetWrittenCount();
        buffer._bytes.GetSpan(SpoolFormat.HeaderBytes);
        buffer._bytes.Advance(SpoolFormat.HeaderBytes);
        buffer._json.Reset(buffer._bytes);
        JsonSerializer.Serialize(buffer._json, value, type);
        buffer._json.Flush();
        return buffer._bytes.WrittenCount <= SpoolFormat.MaxPayloadBytes
            ? buffer : throw new InvalidOperationException($"a {kind} record of {buffer._bytes.WrittenCount} bytes is over the limit of {SpoolFormat.MaxPayloadBytes}");
    }

    /// <summary>The whole record, checksummed for a segment.</summary>
    public ReadOnlySpan<byte> Seal(uint salt)
    {
        var record = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_bytes.WrittenMemory).Span;
        SpoolFormat.Seal(record, _kind, salt);
        return record;
    }

    /// <summary>The whole record, its last field (a number that was written as 0) replaced by <paramref name="number"/>.</summary>
    public ReadOnlySpan<byte> Seal(uint salt, long number)
    {
        var zero = _bytes.WrittenCount - 2;   // …"seq":0}
        _bytes.GetSpan(MaxDigits);
        _bytes.Advance(MaxDigits);
        var record = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_bytes.WrittenMemory).Span;
        Utf8Formatter.TryFormat(number, record[zero..], out var digits);
        record[zero + digits] = (byte)'}';
        record = record[..(zero + digits + 1)];
        SpoolFormat.Seal(record, _kind, salt);
        return record;
    }

    public void Dispose() => _spare = this;
}
