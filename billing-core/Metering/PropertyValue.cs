using System.Text;

namespace Quota.Billing.Metering;

/// <summary>What an event's property holds, as metering reads it.</summary>
internal enum PropertyKind : byte
{
    /// <summary>The event has no such property, or null.</summary>
    Absent,

    /// <summary>A JSON number, or text in plain decimal notation: a quantity.</summary>
    Number,

    /// <summary>Any other text.</summary>
    Text,

    /// <summary>A flag, an object, an array, or a number that no quantity can be.</summary>
    Other,
}

/// <summary>A property of an event. The default is an absent one.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Pico">The number in <see cref="PicoUnits"/>; 0 unless it is one.</param>
/// <param name="Utf8">As it was written, text without its quotes and escapes; empty when absent, and when the number was computed.</param>
internal readonly record struct PropertyValue(PropertyKind Kind, Int128 Pico, ReadOnlyMemory<byte> Utf8)
{
    /// <summary>Clients write decimals as text, so that no digit is lost: at most 18 digits before and after the point, no exponent.</summary>
    private const int MostDigits = 18;

    /// <summary>What unique counts and groups compare; null when absent.</summary>
    public string? Text => Kind switch
    {
        PropertyKind.Absent => null,
        PropertyKind.Number when Utf8.IsEmpty => PicoUnits.ToText(Pico),
        _ => Encoding.UTF8.GetString(Utf8.Span),
    };

    /// <summary>A number that was computed, below <see cref="PicoUnits.Bound"/>.</summary>
    public static PropertyValue OfPico(Int128 pico) => new(PropertyKind.Number, pico, default);

    /// <summary>A number as JSON writes it.</summary>
    public static PropertyValue OfNumber(ReadOnlyMemory<byte> raw) =>
        PicoUnits.TryParse(raw.Span, out var pico) ? new(PropertyKind.Number, pico, raw) : new(PropertyKind.Other, 0, raw);

    /// <summary>A text, which is a number too when it is one in plain decimal notation.</summary>
    public static PropertyValue OfText(ReadOnlyMemory<byte> text) =>
        IsPlainDecimal(text.Span) && PicoUnits.TryParse(text.Span, out var pico) ? new(PropertyKind.Number, pico, text) : new(PropertyKind.Text, 0, text);

    private static bool IsPlainDecimal(ReadOnlySpan<byte> text)
    {
        var at = text.Length > 0 && text[0] is (byte)'+' or (byte)'-' ? 1 : 0;
        var whole = DigitsAt(text, at);
        if (whole is 0 or > MostDigits)
            return false;
        at += whole;
        if (at == text.Length)
            return true;
        var decimals = text[at] == '.' ? DigitsAt(text, at + 1) : 0;
        return decimals is > 0 and <= MostDigits && at + 1 + decimals == text.Length;
    }

    private static int DigitsAt(ReadOnlySpan<byte> text, int start)
    {
        var end = start;
        while (end < text.Length && text[end] is >= (byte)'0' and <= (byte)'9')
            end++;
        return end - start;
    }
}
