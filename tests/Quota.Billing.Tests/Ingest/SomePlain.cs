using System.Text;
using CsCheck;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>Events of all shapes that gateways write, and damage to their bytes.</summary>
internal static class SomePlain
{
    private static readonly DateTimeOffset Month = new(2026, 11, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Gen<string> Name = AnyOf("acme", "gpt-4o", "a", "/v1/chat/completions", "us-east 1", "user@example.com", "x=1;y{z}[0]", new string('n', 255));
    private static readonly Gen<string> OddName = Gen.OneOf(Name, AnyOf("", "AT&T", "a+b", "é", "a\"b", "a\\b", "a\0b", "\u007f", "😀", "a\tb", new string('n', 256)), Gen.String);
    private static readonly Gen<string> Amount = AnyOf("0", "0.000123", "12", "9999999999999999999999999999", "0.0000000000000000001");
    private static readonly Gen<string> OddAmount = Gen.OneOf(Amount, AnyOf("", "-1", ".5", "1.", "1e3", "dear", "12345678901234567890123456789"));
    private static readonly Gen<long> Count = Gen.OneOf(Gen.Long[0, 9], Gen.Long[0, 999_999_999_999_999]);
    private static readonly Gen<long> OddCount = Gen.OneOf(Count, AnyOf(-1L, 1_000_000_000_000_000, 1_000_000_000_000_001, long.MaxValue, long.MinValue));
    private static readonly Gen<DateTimeOffset> Time = Gen.Long[0, 30 * TimeSpan.TicksPerDay].Select(AnyOf(1L, 10, 10_000, TimeSpan.TicksPerSecond), (ticks, grain) => Month.AddTicks(ticks - ticks % grain));

    public static readonly Gen<UsageEvent> Event = Of(Name, Amount, Count, isOdd: false);

    /// <summary>Some of them cannot be stored.</summary>
    public static readonly Gen<UsageEvent> Odd = Gen.Frequency((2, Event), (1, Of(Name, Amount, OddCount, isOdd: true)), (1, Of(OddName, Amount, Count, isOdd: false)), (1, Of(Name, OddAmount, Count, isOdd: true)));

    /// <summary>Where, how many bytes are cut out, and what is put in.</summary>
    public static readonly Gen<(int Place, int Cut, byte[] Bytes)> Damage = Gen.Select(Gen.Int[0, 1 << 20], Gen.Int[0, 3],
        Gen.OneOf(
            Gen.Byte.Array[0, 2],
            AnyOf("", "\"", ",", ":", "{", "}", "[", "]", " ", "0", "9", "-", ".", "e1", "null", "true", "\\u0041", "+", "é", "\0", "\"a\":1,", ",\"seq\":5").Select(Encoding.UTF8.GetBytes)));

    private static Gen<UsageEvent> Of(Gen<string> name, Gen<string> amount, Gen<long> count, bool isOdd) =>
        Gen.Select(name.Array[16], amount.Array[3], count.Array[16], Gen.ULong, Time.Array[4], Gen.Int[0, isOdd ? 3 : 1]).Select((names, amounts, counts, bits, times, odd) =>
        {
            var at = times[0];
            var id = Guid.CreateVersion7(at);
            string? Maybe(int bit, string text) => (bits >> bit & 1) == 0 ? text : null;
            long? Some(int bit) => (bits >> bit & 1) == 0 ? counts[bit % 16] : null;
            return new UsageEvent
            {
                Id = id, RequestId = (bits >> 1 & 1) == 0 ? id : Guid.CreateVersion7(times[1]), Attempt = (int)(counts[0] % 3) + 1, Instance = names[0], Seq = counts[1],
                Code = names[1], At = at, AtSource = (bits >> 2 & 1) == 0 ? "redis" : "gateway", Org = names[2], Team = Maybe(3, names[3]), User = Maybe(4, names[4]), KeyId = names[5],
                Subscription = Maybe(5, names[6]), Environment = Maybe(6, names[7]), Provider = names[8], Upstream = (bits >> 7 & 1) == 0 ? names[8] : names[9], Route = names[10],
                Endpoint = Maybe(8, "chat"), Model = names[11], RequestedModel = Maybe(9, names[12]), ResponseModel = (bits >> 10 & 1) == 0 ? names[11] : Maybe(11, names[13]),
                ServiceTier = Maybe(12, names[14]), Stream = (bits >> 13 & 1) == 0, StartedAt = times[1], FirstByteAt = (bits >> 14 & 1) == 0 ? times[2] : null, EndedAt = times[3],
                Status = UsageStatus.All.ElementAt((int)(bits >> 15 & 3)), HttpStatus = (bits >> 17 & 3) switch { 0 => null, 1 => 429, _ => 200 }, ProviderRequestId = Maybe(19, names[15]),
                Usage = new UsageCounts
                {
                    Requests = counts[2], InputTokens = counts[3], CachedInputTokens = counts[4], CacheWriteTokens = counts[5], CacheWrite1hTokens = Some(20), OutputTokens = counts[6],
                    ReasoningTokens = counts[7], AudioInputTokens = Some(21), AudioOutputTokens = Some(22), ImageTokens = Some(23), ImageOutputTokens = Some(24), Images = Some(25),
                    Seconds = Some(26), Characters = Some(27), BytesIn = Some(28), BytesOut = Some(29),
                    ToolCalls = odd == 2 ? new Dictionary<string, long> { [names[0]] = counts[8] } : null,
                },
                Estimated = (bits >> 30 & 1) == 0, UsageRaw = (bits >> 31 & 1) == 0 ? RawOf(bits) : null, PriceVersion = Maybe(32, "2026-11-01"), Cost = Maybe(33, amounts[0]),
                CostSource = Maybe(34, UsageEvent.OfProvider), Spend = Maybe(35, amounts[1]), Held = Maybe(36, amounts[2]), Currency = Maybe(37, "USD"),
                Counted = [.. Enumerable.Range(0, (int)(bits >> 38 & 3)).Select(i => new Guid((int)bits, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)i]).ToString("N"))],
                Tags = (bits >> 40 & 1) == 0 ? new Dictionary<string, string> { [names[3]] = names[4], ["app"] = "chat" } : null,
                Corrects = odd == 3 ? Guid.CreateVersion7(times[2]) : null,
            };
        });

    public static Gen<T> AnyOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static RawJson? RawOf(ulong bits) => RawJson.TryTake(Encoding.UTF8.GetBytes(((bits >> 41) % 3) switch
    {
        0 => "{}",
        1 => """{"a":1,"b":{"c":[1.5e3,"\u00e9",null]}}""",
        _ => """{ "a" : "\u0000" , "é":true}""",
    }));
}
