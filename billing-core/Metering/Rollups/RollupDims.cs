using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quota.Billing.Metering.Rollups;

/// <summary>The values of a rollup's keys as one text, a JSON array. It is part of an index, which holds 2,700 bytes.</summary>
internal static class RollupDims
{
    /// <summary>Most keys that values are told apart by.</summary>
    public const int MostKeys = 8;

    /// <summary>
    /// Bytes that a value may take as JSON. A longer one is written as its first letters and a hash, here and where events are read one by one:
    /// two of them stay two, and which keys are asked for together changes nothing.
    /// </summary>
    private const int MostBytes = 300;

    private const int FirstLetters = 40;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Of values as events have them.</summary>
    public static string Of(IReadOnlyList<string?> values) => Write([.. values.Select(Bounded)]);

    /// <summary>Of values that were read from one.</summary>
    public static string Write(IReadOnlyList<string?> values) => JsonSerializer.Serialize(values, Plain);

    public static IReadOnlyList<string?> Read(string dims) => dims.Length == 0 ? [] : JsonSerializer.Deserialize<string?[]>(dims)!;

    /// <summary>The values of some of the keys, in their order.</summary>
    public static string Narrow(string dims, IReadOnlyList<string> from, IReadOnlyList<string> to)
    {
        if (to.Count == 0)
            return "";
        if (to.SequenceEqual(from))
            return dims;
        var (values, all) = (Read(dims), from.ToList());
        return Write([.. to.Select(key => values[all.IndexOf(key)])]);
    }

    private static string? Bounded(string? value)
    {
        // A letter takes at most 6 bytes.
        if (value is null || value.Length * 6 <= MostBytes || Encoding.UTF8.GetByteCount(Plain.Encoder!.Encode(value)) <= MostBytes)
            return value;
        var first = char.IsHighSurrogate(value[FirstLetters - 1]) ? FirstLetters - 1 : FirstLetters;
        return $"{value[..first]}…{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value)).AsSpan(0, 8))}";
    }
}
