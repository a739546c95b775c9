using System.Buffers.Binary;
using System.Text;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>Numbered usage events, the same each time they are asked for: half of them within a minute of the last two month ends, the rest over the weeks between.</summary>
internal sealed class ReplayEvents(int seed, int count, DateTimeOffset now)
{
    /// <summary>Of events that say something else under an id that is there already: one in so many.</summary>
    public const int PlantedEvery = 100;

    private static readonly string[] Models = ["gpt-4o-mini", "gpt-4o"], Teams = ["research", "product"];

    private static readonly string KeyId = new('a', 32);

    private readonly DateTimeOffset _month = new(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero);

    public int Count => count;

    public DateTimeOffset Month => _month;

    /// <summary>The bytes that a gateway would have spooled.</summary>
    public byte[] Bytes(int number) => Text(number, more: 0);

    /// <summary>Others under the same id.</summary>
    public byte[] Planted(int number) => Text(number, more: 1_000_000);

    public Guid IdOf(int number) => IdOf(number, AtOf(number));

    public (DateTimeOffset At, long Input, long Output) Numbers(int number) => (AtOf(number), number % 4_000L, number % 900L);

    /// <summary>How often it is sent, 1 to 5 times.</summary>
    public static int Times(int number) => 1 + (int)((uint)number * 2_654_435_761u >> 16) % 5;

    /// <summary>Month by month: events, input and output tokens, in the words of <see cref="ReplayTests"/>'s question to the database.</summary>
    public string ByMonth()
    {
        var months = new SortedDictionary<string, (long Count, long Input, long Output)>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var (at, input, output) = Numbers(i);
            var sum = months.GetValueOrDefault($"{at:yyyy-MM}");
            months[$"{at:yyyy-MM}"] = (sum.Count + 1, sum.Input + input, sum.Output + output);
        }
        return string.Join('\n', months.Select(month => $"{month.Key} {month.Value.Count} {month.Value.Input} {month.Value.Output}"));
    }

    /// <summary>A batch as gateways ship it.</summary>
    public static byte[] Batch(IEnumerable<byte[]> events)
    {
        using var body = new MemoryStream();
        body.Write("{\"instance\":\"replay\",\"events\":["u8);
        var isFirst = true;
        foreach (var one in events)
        {
            if (!isFirst)
                body.WriteByte((byte)',');
            isFirst = false;
            body.Write(one);
        }
        body.Write("],\"settled\":[]}"u8);
        return body.ToArray();
    }

    private byte[] Text(int number, long more)
    {
        var (at, input, output) = Numbers(number);
        var (id, time) = (IdOf(number, at), $"{at:yyyy-MM-ddTHH:mm:ss.fff}Z");
        return Encoding.UTF8.GetBytes($$"""
            {"id":"{{id}}","request_id":"{{id}}","attempt":1,"source":"gateway","instance":"replay","code":"llm.request","at":"{{time}}","at_source":"redis","org":"acme","team":"{{Teams[number % 2]}}","key_id":"{{KeyId}}","subscription":"acme-main","provider":"openai","upstream":"openai","route":"/v1/chat/completions","endpoint":"chat","model":"{{Models[number % 2]}}","stream":false,"started_at":"{{time}}","ended_at":"{{time}}","status":"completed","http_status":200,"usage":{"requests":1,"input_tokens":{{input}},"cached_input_tokens":0,"cache_write_tokens":0,"output_tokens":{{output + more}},"reasoning_tokens":0},"cost":"0.00000123","currency":"USD","seq":{{number + 1}}}
            """);
    }

    private DateTimeOffset AtOf(int number)
    {
        var random = new Random(unchecked(seed * 31 + number));
        var end = number % 4 < 2 ? _month : _month.AddMonths(-1);
        return number % 2 == 0 ? end.AddMilliseconds(random.Next(-60_000, 60_000)) : _month.AddMonths(-1).AddMilliseconds(random.NextInt64((long)(now - _month.AddMonths(-1)).TotalMilliseconds));
    }

    private Guid IdOf(int number, DateTimeOffset at)
    {
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(id, at.ToUnixTimeMilliseconds() << 16);
        (id[6], id[8]) = (0x70, 0x80);   // version 7
        BinaryPrimitives.WriteInt32BigEndian(id[12..], number);
        return new Guid(id, bigEndian: true);
    }
}
