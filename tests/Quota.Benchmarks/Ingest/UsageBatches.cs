using System.Text;

namespace Quota.Benchmarks.Ingest;

/// <summary>Batches of made-up usage, as a gateway ships it and as an API client posts it: events of one customer, 90 ms apart, from the first of the month on.</summary>
/// <param name="size">Events of a batch.</param>
internal sealed class UsageBatches(int size, DateTimeOffset from)
{
    private static readonly string[] Models = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "o3", "o4-mini", "gpt-5"];
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(90);
    private readonly Random _random = new(5);

    /// <summary>The body of <c>POST /internal/v1/usage</c> with the events from number <paramref name="first"/> on; written into a buffer that is used again.</summary>
    public ReadOnlyMemory<byte> OfGateway(long first, ref byte[] buffer)
    {
        var text = new Utf8Line(buffer);
        text.Add("{\"instance\":\"0123456789abcdef0123456789abcdef\",\"settled\":[],\"events\":["u8);
        for (var n = first; n < first + size; n++)
        {
            var at = from + n * Apart;
            var (id, model) = (Guid.CreateVersion7(at), Models[n % Models.Length]);
            if (n > first)
                text.Add(","u8);
            text.Add($$$"""{"id":"{{{id}}}","request_id":"{{{id}}}","attempt":1,"source":"gateway","instance":"0123456789abcdef0123456789abcdef","code":"llm.request","at":"{{{at:yyyy-MM-ddTHH:mm:ss.ffffff}}}+00:00","at_source":"redis","org":"acme","team":"team-{{{n % 10}}}","user":"user-{{{n % 200}}}","key_id":"0123456789abcdef0123456789abcdef","subscription":"acme-main","environment":"prod","provider":"openai","upstream":"openai","route":"/v1/chat/completions","endpoint":"chat","model":"{{{model}}}","response_model":"{{{model}}}-2026-05-01","stream":true,"started_at":"{{{at:yyyy-MM-ddTHH:mm:ss.ffffff}}}+00:00","first_byte_at":"{{{at:yyyy-MM-ddTHH:mm:ss.ffffff}}}+00:00","ended_at":"{{{at:yyyy-MM-ddTHH:mm:ss.ffffff}}}+00:00","status":"completed","http_status":200,"provider_request_id":"req_{{{n:x16}}}","usage":{"requests":1,"input_tokens":{{{n % 4000}}},"cached_input_tokens":0,"cache_write_tokens":0,"output_tokens":{{{n % 900}}},"reasoning_tokens":0,"bytes_in":{{{n % 9000}}},"bytes_out":{{{n % 7000}}}},"estimated":false,"usage_raw":{"prompt_tokens":{{{n % 4000}}},"completion_tokens":{{{n % 900}}},"total_tokens":{{{n % 4000 + n % 900}}},"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"price_version":"2026-11-01","cost":"0.000{{{n % 900:000}}}","held":"0.0123","currency":"USD","counted":["0123456789abcdef0123456789abcdef","1123456789abcdef0123456789abcdef","2123456789abcdef0123456789abcdef"],"seq":{{{n + 1}}}}""");
        }
        text.Add("]}"u8);
        buffer = text.Buffer;
        return text.Written;
    }

    /// <summary>The body of <c>POST /api/v1/events/batch</c>, whose transaction ids are random, as UUIDs of clients are.</summary>
    public ReadOnlyMemory<byte> OfApi(long first, ref byte[] buffer)
    {
        var text = new Utf8Line(buffer);
        text.Add("{\"events\":["u8);
        Span<byte> random = stackalloc byte[16];
        for (var n = first; n < first + size; n++)
        {
            lock (_random)
                _random.NextBytes(random);
            if (n > first)
                text.Add(","u8);
            text.Add($$"""{"transaction_id":"{{new Guid(random)}}","external_subscription_id":"acme-main","code":"llm.request","timestamp":"{{(from + n * Apart).ToUnixTimeMilliseconds() / 1000m}}","properties":{"model":"{{Models[n % Models.Length]}}","user":"user-{{n % 200}}","input_tokens":{{n % 4000}},"output_tokens":{{n % 900}},"requests":1} }""");
        }
        text.Add("]}"u8);
        buffer = text.Buffer;
        return text.Written;
    }

    /// <summary>UTF-8 that grows.</summary>
    private struct Utf8Line(byte[] buffer)
    {
        private int _length;

        public byte[] Buffer { get; private set; } = buffer;

        public readonly ReadOnlyMemory<byte> Written => Buffer.AsMemory(0, _length);

        public void Add(ReadOnlySpan<byte> bytes)
        {
            Room(bytes.Length);
            bytes.CopyTo(Buffer.AsSpan(_length));
            _length += bytes.Length;
        }

        public void Add(string text)
        {
            Room(text.Length);
            _length += Encoding.ASCII.GetBytes(text, Buffer.AsSpan(_length));
        }

        private void Room(int bytes)
        {
            if (_length + bytes <= Buffer.Length)
                return;
            var larger = Buffer;
            Array.Resize(ref larger, Math.Max(2 * Buffer.Length, _length + bytes));
            Buffer = larger;
        }
    }
}
