namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// An event a line, ended by LF or CR LF: <c>application/x-ndjson</c> (github.com/ndjson/ndjson-spec), as Ollama streams. CR alone is white space
/// of JSON. Gemini's streams that are not server-sent events are one JSON array, and none of this.
/// </summary>
internal sealed class LineEventReader(EventReader.OnEvent onEvent) : EventReader(onEvent)
{
    protected override int EndIn(ReadOnlySpan<byte> data)
    {
        var end = data.IndexOf((byte)'\n');
        return end < 0 ? NotYet : end + 1;
    }

    protected override bool TryRead(ReadOnlySpan<byte> whole, out EventPiece piece)
    {
        piece = new EventPiece(default, whole.Trim(" \t\r\n"u8));
        return true;
    }
}
