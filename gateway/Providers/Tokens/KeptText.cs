using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Providers.Tokens;

/// <summary>
/// What a model wrote, kept while it passes, so that its tokens can be counted should its provider not tell. In a rented buffer of at most
/// <see cref="MostBytes"/>; later text is not kept. For one reader of one answer, given back by who ends the call.
/// </summary>
internal sealed class KeptText : IDisposable
{
    public const int MostBytes = 256 * 1024;

    private const int FirstBytes = 4 * 1024;

    private readonly TokenCounter _counter;
    private byte[]? _bytes;   // a JSON string: a quote, text with its escapes
    private int _length, _mark;
    private bool _isOver;

    private KeptText(TokenCounter counter) => _counter = counter;

    /// <summary>Bytes that are kept.</summary>
    public int Length => _length;

    /// <summary>Null when the model's tokenizer is not public, or not loaded yet.</summary>
    public static KeptText? For(string model) => TokenCounter.For(model) is { } counter ? new KeptText(counter) : null;

    /// <param name="text">From a JSON string, with its escapes.</param>
    public void Add(ReadOnlySpan<byte> text)
    {
        _isOver |= text.Length > MostBytes - 2 - _length;
        if (_isOver || text.IsEmpty)
            return;
        if (_bytes is null || _bytes.Length < _length + text.Length + 2)
            Grow(_length + text.Length + 2);
        text.CopyTo(_bytes.AsSpan(1 + _length));
        _length += text.Length;
    }

    /// <summary>What comes after this can be taken back.</summary>
    public void Mark() => _mark = _length;

    public void TakeBack() => _length = _mark;

    public long Tokens()
    {
        if (_bytes is null)
            return 0;
        (_bytes[0], _bytes[1 + _length]) = ((byte)'"', (byte)'"');
        var chars = ArrayPool<char>.Shared.Rent(_length + 1);
        try
        {
            var json = new Utf8JsonReader(_bytes.AsSpan(0, _length + 2));
            json.Read();
            return _counter.Count(chars.AsSpan(0, json.CopyString(chars)), out _);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return _counter.Count(chars.AsSpan(0, Encoding.UTF8.GetChars(_bytes.AsSpan(1, _length), chars)), out _);   // broken escapes: as it stands
        }
        finally
        {
            ArrayPool<char>.Shared.Return(chars);
        }
    }

    /// <summary>Gives the buffer back. Nothing is kept from here on, and nothing was.</summary>
    public void Dispose()
    {
        (_isOver, _length, _mark) = (true, 0, 0);
        if (Interlocked.Exchange(ref _bytes, null) is { } bytes)
            ArrayPool<byte>.Shared.Return(bytes);
    }

    private void Grow(int least)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(least, _bytes is null ? FirstBytes : 2 * _bytes.Length));
        if (_bytes is not null)
        {
            _bytes.AsSpan(0, 1 + _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
        }
        _bytes = larger;
    }
}
