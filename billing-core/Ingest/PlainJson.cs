using System.Buffers;
using System.Buffers.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// Reads JSON whose layout is known beforehand: each call names what comes next, with the comma before it, and gives its bytes.
/// It never throws and tells no mistakes: what is not laid out so, or would not be written as it was read, is not plain, once and for all.
/// </summary>
internal ref struct PlainJson(ReadOnlySpan<byte> json)
{
    private const int MaxText = 255;

    /// <summary>Those that a string has without escapes when it is written by <see cref="Utf8JsonWriter"/>, of ASCII.</summary>
    private static readonly SearchValues<byte> Letters =
        SearchValues.Create([.. Enumerable.Range(0x20, 0x5F).Where(letter => !JavaScriptEncoder.Default.WillEncode(letter)).Select(letter => (byte)letter)]);

    private ReadOnlySpan<byte> _rest = json;

    public bool IsPlain { get; private set; } = true;

    /// <summary>What was not read yet.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>These very bytes, if they are next.</summary>
    public bool Has(ReadOnlySpan<byte> next)
    {
        if (!_rest.StartsWith(next))
            return false;
        _rest = _rest[next.Length..];
        return true;
    }

    public void Expect(ReadOnlySpan<byte> next) => IsPlain &= Has(next);

    /// <param name="name">With the comma before it and the colon, as everywhere.</param>
    public ReadOnlySpan<byte> Text(ReadOnlySpan<byte> name)
    {
        Expect(name);
        return TextHere();
    }

    /// <summary>Empty when it is absent; an empty text is not plain.</summary>
    public ReadOnlySpan<byte> OptionalText(ReadOnlySpan<byte> name) => Has(name) ? TextHere() : default;

    public Guid Uuid(ReadOnlySpan<byte> name)
    {
        var text = Text(name);
        IsPlain &= Utf8Parser.TryParse(text, out Guid id, out var length, 'D') & length == text.Length;
        return id;
    }

    /// <summary>A decimal that is 0 or more, as text. 28 digits are exact in a <see cref="decimal"/>, whichever they are.</summary>
    public ReadOnlySpan<byte> OptionalAmount(ReadOnlySpan<byte> name)
    {
        var text = OptionalText(name);
        if (text.IsEmpty)
            return default;
        var whole = DigitsOf(text);
        var decimals = whole + 1 < text.Length && text[whole] == '.' ? DigitsOf(text[(whole + 1)..]) : 0;
        IsPlain &= whole > 0 && whole + decimals <= 28 && text.Length == whole + (decimals > 0 ? 1 + decimals : 0);
        return text;
    }

    /// <summary>A whole number from 0 on, as it is written: without zeros before it.</summary>
    public ReadOnlySpan<byte> Number(ReadOnlySpan<byte> name, int mostDigits)
    {
        Expect(name);
        return NumberHere(mostDigits);
    }

    public ReadOnlySpan<byte> OptionalNumber(ReadOnlySpan<byte> name, int mostDigits) => Has(name) ? NumberHere(mostDigits) : default;

    public bool Flag(ReadOnlySpan<byte> name)
    {
        Expect(name);
        if (Has("true"u8))
            return true;
        Expect("false"u8);
        return false;
    }

    /// <summary>A time of UTC, in ticks.</summary>
    public long Time(ReadOnlySpan<byte> name)
    {
        Expect(name);
        return TimeHere();
    }

    public void OptionalTime(ReadOnlySpan<byte> name)
    {
        if (Has(name))
            TimeHere();
    }

    /// <summary>Any object, however it is laid out.</summary>
    public ReadOnlySpan<byte> OptionalObject(ReadOnlySpan<byte> name)
    {
        if (!Has(name))
            return default;
        try
        {
            var reader = new Utf8JsonReader(_rest, new JsonReaderOptions { MaxDepth = RawJson.MaxDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject || reader.TokenStartIndex != 0)
                return NotPlain();
            reader.Skip();
            var value = Take((int)reader.BytesConsumed);
            return Utf8.IsValid(value) ? value : NotPlain();
        }
        catch (JsonException)
        {
            return NotPlain();
        }
    }

    /// <summary>An object of texts with its braces; an empty one is not plain.</summary>
    public ReadOnlySpan<byte> OptionalTexts(ReadOnlySpan<byte> name, int most)
    {
        if (!Has(name))
            return default;
        var start = _rest;
        Expect("{"u8);
        for (var i = 0; i < most && IsPlain; i++)
        {
            var before = start[..^_rest.Length];
            TextHere();
            Expect(":"u8);
            // Of two with one name the last would count. What stands in quotation marks and before a colon is a name.
            IsPlain = IsPlain && before.IndexOf(start[before.Length..^_rest.Length]) < 0;
            TextHere();
            if (!Has(","u8))
                break;
        }
        Expect("}"u8);
        return start[..^_rest.Length];
    }

    /// <summary>An array of UUIDs without hyphens.</summary>
    public Guid[] Uuids(ReadOnlySpan<byte> name, int most)
    {
        const int Each = 35;    // with its quotation marks and the comma
        Expect(name);
        Expect("["u8);
        var text = _rest[..Math.Max(0, _rest.IndexOf((byte)']'))];
        var uuids = text.IsEmpty ? [] : new Guid[Math.Min(most, (text.Length + 1) / Each)];
        for (var i = 0; IsPlain && i < uuids.Length; i++)
        {
            Expect(i > 0 ? ",\""u8 : "\""u8);
            IsPlain = IsPlain && _rest.Length > 32 && Utf8Parser.TryParse(_rest[..32], out uuids[i], out var length, 'N') && length == 32;
            if (IsPlain)
                Take(32);
            Expect("\""u8);
        }
        Expect("]"u8);
        return uuids;
    }

    private ReadOnlySpan<byte> TextHere()
    {
        var length = Has("\""u8) ? _rest.IndexOfAnyExcept(Letters) : 0;
        if (length is < 1 or > MaxText || _rest[length] != '"')
            return NotPlain();
        var text = Take(length);
        Take(1);
        return text;
    }

    private ReadOnlySpan<byte> NumberHere(int mostDigits)
    {
        var length = DigitsOf(_rest);
        return length == 0 || length > mostDigits || (length > 1 && _rest[0] == '0') ? NotPlain() : Take(length);
    }

    /// <summary>As <c>2026-11-24T02:15:00.123456+00:00</c>, with as many decimals as there are.</summary>
    private long TimeHere()
    {
        const int Whole = 19;
        if (!Has("\""u8) || _rest.Length <= Whole || _rest[4] != '-' || _rest[7] != '-' || _rest[10] != 'T' || _rest[13] != ':' || _rest[16] != ':')
            return NotTime();
        var (year, month, day) = (ValueOf(_rest[..4]), ValueOf(_rest[5..7]), ValueOf(_rest[8..10]));
        var (hour, minute, second) = (ValueOf(_rest[11..13]), ValueOf(_rest[14..16]), ValueOf(_rest[17..19]));
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour is < 0 or > 23 || minute is < 0 or > 59 || second is < 0 or > 59)
            return NotTime();
        Take(Whole);
        var ticks = new DateTime(year, month, day, hour, minute, second).Ticks;
        if (Has("."u8))
        {
            var decimals = DigitsOf(_rest);
            if (decimals is 0 or > 7)
                return NotTime();
            var fraction = ValueOf(Take(decimals));
            for (; decimals < 7; decimals++)
                fraction *= 10;
            ticks += fraction;
        }
        Expect("+00:00\""u8);
        return ticks;
    }

    private long NotTime()
    {
        IsPlain = false;
        return 0;
    }

    private ReadOnlySpan<byte> NotPlain()
    {
        IsPlain = false;
        return default;
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    /// <summary>Below 0 when there is something else than digits.</summary>
    private static int ValueOf(ReadOnlySpan<byte> digits)
    {
        var value = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit((char)digit))
                return -1;
            value = 10 * value + (digit - '0');
        }
        return value;
    }

    private static int DigitsOf(ReadOnlySpan<byte> text)
    {
        var length = 0;
        while (length < text.Length && char.IsAsciiDigit((char)text[length]))
            length++;
        return length;
    }
}
