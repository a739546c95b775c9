namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// What the chunks of one stream have in common. Nearly all of them are the same bytes but for a piece of text, and at OpenAI a piece of padding
/// (<c>obfuscation</c>); comparing those bytes takes a third of the time that looking for keys in them does. Whatever differs is looked at in full.
/// </summary>
internal struct ChatChunkShape
{
    private static ReadOnlySpan<byte> Delta => "\"delta\":{\"content\":\""u8;
    private static ReadOnlySpan<byte> Padding => ",\"obfuscation\":\""u8;

    private byte[]? _before, _after;
    private bool _isPadded;

    /// <summary>The text of a chunk that is built as the one learnt, as it stands in JSON: no choice finishes in it, and no usage is in it.</summary>
    public readonly bool TryText(ReadOnlySpan<byte> chunk, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (_before is null || !chunk.StartsWith(_before))
            return false;
        var rest = chunk[_before.Length..];
        var end = rest.IndexOfAny((byte)'"', (byte)'\\');
        if (end < 0 || !rest[end..].StartsWith(_after))
            return false;
        text = rest[..end];
        rest = rest[(end + _after!.Length)..];
        return _isPadded ? rest.IndexOfAny((byte)'"', (byte)'\\') is var last && last == rest.Length - 2 && rest[^1] == '}' && rest[^2] == '"' : rest.IsEmpty;
    }

    /// <summary>Takes a chunk as the pattern, if it is one: a single delta with nothing but text, no escapes, no finish, no usage.</summary>
    public void Learn(ReadOnlySpan<byte> chunk)
    {
        var at = chunk.IndexOf(Delta);
        if (at < 0)
            return;
        var before = chunk[..(at + Delta.Length)];
        var rest = chunk[before.Length..];
        var end = rest.IndexOfAny((byte)'"', (byte)'\\');
        if (end < 0 || rest[end] != '"' || rest[end..].IndexOf("\"delta\""u8) >= 0)
            return;
        var after = rest[end..];
        var padding = after.LastIndexOf(Padding);
        _isPadded = padding >= 0;
        Put(ref _before, before);
        Put(ref _after, _isPadded ? after[..(padding + Padding.Length)] : after);
    }

    private static void Put(ref byte[]? place, ReadOnlySpan<byte> bytes)
    {
        if (place?.Length != bytes.Length)
            place = new byte[bytes.Length];
        bytes.CopyTo(place);
    }
}
