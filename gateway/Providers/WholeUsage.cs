using System.Buffers;

namespace Quota.Gateway.Providers;

/// <summary>Usage of an answer that comes as one JSON object: some of its fields are looked for as it passes, and read when it is whole. Which ones, and what they say, is the provider's grammar.</summary>
internal abstract class WholeUsage(params string[] fields) : UsageReader
{
    private readonly JsonFieldScanner _scanner = new(fields);
    private long _bytes;

    /// <summary>Only for an estimate when no usage comes: the object around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

    public sealed override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        if (IsComplete)
            return;
        _scanner.Feed(data);
        if (!_scanner.IsComplete)
            return;
        IsComplete = true;
        Read();
    }

    /// <summary>The object is whole.</summary>
    protected abstract void Read();

    /// <summary>A field's value as it came; null when it did not.</summary>
    protected byte[]? Value(string field) => _scanner.Value(field);
}
