using System.Text;

namespace Quota.Gateway.Tests.Providers.Fuzz;

/// <summary>Spoils bytes as buggy and hostile servers and clients do: flips, cuts, pieces twice, numbers that no call can have, nesting, text that is no UTF-8.</summary>
internal static class Mutation
{
    private static readonly string[] Numbers =
    [
        "-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "2147483647", "2147483646", "1e999", "-1e999", "NaN", "-Infinity", "1.5", "1e15", "1E2", "-0", "0.0000001",
        "99999999999999999999999999999999", "79228162514264337593543950335", "null", "\"7\"", "true", "{}", "[]", "[1]", "",
    ];

    private static readonly byte[][] NoUtf8 = [[0xff, 0xfe], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80], [0], "\\ud800"u8.ToArray(), "\\u"u8.ToArray()];

    public static byte[] Of(byte[] sound, Random random)
    {
        var bytes = sound;
        for (var more = random.Next(1, 6); more > 0; more--)
            bytes = Once(bytes, random);
        return bytes;
    }

    private static byte[] Once(byte[] bytes, Random random)
    {
        var (from, to) = (random.Next(bytes.Length + 1), random.Next(bytes.Length + 1));
        (from, to) = (Math.Min(from, to), Math.Max(from, to));
        var some = Math.Min(to, from + random.Next(1, 60));
        return random.Next(10) switch
        {
            0 => Flipped(bytes, random),
            1 => bytes[..to],
            2 => [.. bytes[..to], .. bytes[from..some], .. bytes[to..]],   // a piece twice
            3 => [.. bytes[..from], .. bytes[some..]],
            4 or 5 or 6 => Renumbered(bytes, random),
            7 => [.. bytes[..from], .. NoUtf8[random.Next(NoUtf8.Length)], .. bytes[from..]],
            8 => [.. bytes[..from], .. Nested(random), .. bytes[from..]],
            _ => [.. bytes[..from], .. Noise(random, random.Next(1, 30)), .. bytes[from..]],
        };
    }

    public static byte[] Noise(Random random, int length)
    {
        var noise = new byte[length];
        random.NextBytes(noise);
        return noise;
    }

    public static string Number(Random random) => Numbers[random.Next(Numbers.Length)];

    private static byte[] Flipped(byte[] bytes, Random random)
    {
        byte[] flipped = [.. bytes];
        for (var more = random.Next(1, 4); more > 0 && bytes.Length > 0; more--)
            flipped[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        return flipped;
    }

    /// <summary>One of the numbers in it becomes another, which may be none.</summary>
    private static byte[] Renumbered(byte[] bytes, Random random)
    {
        var at = random.Next(bytes.Length + 1);
        var start = bytes.AsSpan(at).IndexOfAnyInRange((byte)'0', (byte)'9');
        if (start < 0)
            return bytes;
        var end = start += at;
        while (end < bytes.Length && bytes[end] is >= (byte)'0' and <= (byte)'9')
            end++;
        return [.. bytes[..start], .. Encoding.ASCII.GetBytes(Number(random)), .. bytes[end..]];
    }

    private static byte[] Nested(Random random)
    {
        var (depth, open) = (random.Next(1, 3_000), random.Next(2) == 0 ? "[" : "{\"a\":");
        return Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(open, depth)));
    }
}
