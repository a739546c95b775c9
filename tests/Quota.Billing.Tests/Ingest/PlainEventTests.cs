using System.Text;
using CsCheck;
using Quota.Billing.Http;
using Quota.Billing.Ingest;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>However an event is read, the same is stored of it: plain ones have a reader of their own, which is held here against that of all.</summary>
public sealed class PlainEventTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 2, 15, 7, 123, 456, TimeSpan.Zero);

    [Fact]
    public void What_gateways_write_is_plain_and_read_the_same() => SomePlain.Event.Sample(usage =>
    {
        var text = Encoding.UTF8.GetBytes(SomeUsage.Text(usage));
        PlainEvent.TryRead(text, out var plain).ShouldBeTrue();
        plain.Length.ShouldBe(text.Length);
        Same(SomeUsage.Batch([SomeUsage.Text(usage)])).ShouldContain(" stored ");
    }, iter: 2_000);

    [Fact]
    public void Batches_of_any_events_are_read_the_same() => Gen.Select(SomePlain.Odd.Array[0, 6], SomePlain.AnyOf("", " ", "\n"), Gen.Bool).Sample((events, space, keepsRaw) =>
        Same(SomeUsage.Batch(events.Select(one => space + SomeUsage.Text(one) + space)), keepsRaw), iter: 2_000);

    [Fact]
    public void Broken_bytes_are_read_the_same() => Gen.Select(SomePlain.Event.Array[1, 3], SomePlain.Damage.Array[1, 3], Gen.Bool).Sample((events, damages, keepsRaw) =>
    {
        var body = Encoding.UTF8.GetBytes(SomeUsage.Batch(events.Select(SomeUsage.Text)));
        foreach (var (place, kind, bytes) in damages)
        {
            var at = place % body.Length;
            body = [.. body[..at], .. bytes, .. body[Math.Min(body.Length, at + kind)..]];
        }
        Same(body, keepsRaw);
    }, iter: 20_000);

    [Theory]
    [InlineData("\"seq\":1", "\"seq\": 1")]
    [InlineData("\"seq\":1", "\"seq\":1.0")]
    [InlineData("\"seq\":1", "\"seq\":-0")]
    [InlineData("\"seq\":1", "\"seq\":01")]
    [InlineData("\"seq\":1", "\"seq\":9223372036854775807")]
    [InlineData("\"seq\":1", "\"seq\":1,\"later\":true")]
    [InlineData("\"seq\":1", "\"seq\":1,\"seq\":2")]
    [InlineData(",\"seq\":1", "")]
    [InlineData("\"attempt\":1,", "")]
    [InlineData("\"attempt\":1", "\"attempt\":2147483648")]
    [InlineData("\"attempt\":1", "\"attempt\":2")]
    [InlineData("\"source\":\"gateway\",", "")]
    [InlineData("\"source\":\"gateway\"", "\"source\":\"me\"")]
    [InlineData("\"org\":\"acme\"", "\"org\":null")]
    [InlineData("\"org\":\"acme\"", "\"org\":\"\"")]
    [InlineData("\"org\":\"acme\"", "\"org\":\"ac\\u006de\"")]
    [InlineData("\"org\":\"acme\"", "\"org\":\"\\ud800\"")]
    [InlineData("\"org\":\"acme\"", "\"org\":\"Åcme & Söhne\"")]
    [InlineData("\"org\":\"acme\"", "\"org\":\"a'b+c<d>`\"")]
    [InlineData("\"team\":\"research\"", "\"team\":\"\u007f\"")]
    [InlineData("\"team\":\"research\"", "\"team\":\"\"")]
    [InlineData("\"team\":\"research\"", "\"team\":\"r\u0001\"")]
    [InlineData("\"code\":\"llm.request\"", "\"code\":\"llm.request\",\"corrects\":\"01932b5e-0000-7000-8000-000000000000\"")]
    [InlineData("\"status\":\"completed\"", "\"status\":\"Completed\"")]
    [InlineData("\"http_status\":200", "\"http_status\":null")]
    [InlineData("\"http_status\":200", "\"http_status\":429")]
    [InlineData("\"input_tokens\":10", "\"input_tokens\":1000000000000000")]
    [InlineData("\"input_tokens\":10", "\"input_tokens\":1000000000000001")]
    [InlineData("\"input_tokens\":10", "\"input_tokens\":-1")]
    [InlineData("\"reasoning_tokens\":0", "\"reasoning_tokens\":0,\"tool_calls\":{\"web_search\":2}")]
    [InlineData("\"reasoning_tokens\":0", "\"reasoning_tokens\":0,\"tool_calls\":{}")]
    [InlineData("\"requests\":1,", "")]
    [InlineData("\"estimated\":false", "\"estimated\":true")]
    [InlineData("\"estimated\":false", "\"estimated\":0")]
    [InlineData("\"estimated\":false", "\"estimated\":false,\"usage_raw\":null")]
    [InlineData("\"estimated\":false", "\"estimated\":false,\"usage_raw\":{\"a\" : [1, {}], \"a\":\"\\ud800\"}")]
    [InlineData("\"estimated\":false", "\"estimated\":false,\"usage_raw\":{\"a\":\"\\u0000\"}")]
    [InlineData("\"estimated\":false", "\"estimated\":false,\"usage_raw\":{\"a\":1,}")]
    [InlineData("\"estimated\":false", "\"estimated\":false,\"usage_raw\": {}")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\".5\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"5.\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"-0.5\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"1e3\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"0000000000000000000000000000\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"0.0000000000000000000000000000\"")]
    [InlineData("\"cost\":\"0.00000123\"", "\"cost\":\"99999999999999999999999999999\"")]
    [InlineData("\"counted\":[]", "\"counted\":null")]
    [InlineData("\"counted\":[]", "\"counted\":[\"0123456789abcdef0123456789ABCDEF\"]")]
    [InlineData("\"counted\":[]", "\"counted\":[\"0123456789abcdef0123456789abcdef\",]")]
    [InlineData("\"counted\":[]", "\"counted\":[\"0123456789abcdef0123456789abcde\"]")]
    [InlineData("\"counted\":[]", "\"counted\":[],\"tags\":{}")]
    [InlineData("\"counted\":[]", "\"counted\":[],\"tags\":{\"a\":\"b\",\"b\":\"a\"}")]
    [InlineData("\"counted\":[]", "\"counted\":[],\"tags\":{\"a\":\"b\",\"b\":\"a\",\"b\":\"c\"}")]
    [InlineData("\"counted\":[]", "\"counted\":[],\"tags\":{\"a\":\"\",\"\":\"a\"}")]
    [InlineData("\"counted\":[]", "\"counted\":[],\"tags\":{\"a\":null}")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T02:15:07.1234567+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T02:15:07.12345678+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T02:15:07+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T02:15:07Z")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T02:15:07.+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T03:15:07.123456+01:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T24:00:00+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-24T23:59:60+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-31T02:15:07+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "2026-11-25T02:15:07.124+00:00")]
    [InlineData("2026-11-24T02:15:07.123456+00:00", "0000-11-24T02:15:07+00:00")]
    public void Odd_events_are_read_the_same(string from, string to)
    {
        var text = SomeUsage.Text(SomeUsage.Event(At));
        text.ShouldContain(from);
        foreach (var keepsRaw in new[] { false, true })
            Same(SomeUsage.Batch([text, text.Replace(from, to, StringComparison.Ordinal), text]), keepsRaw);
    }

    [Theory]
    [InlineData("E,E", "E,E,")]
    [InlineData("E,E", "E,,E")]
    [InlineData("E,E", "E E")]
    [InlineData("E,E", ",E,E")]
    [InlineData("E,E", "E,5,E,null,[E],E")]
    [InlineData("[E,E]", "{\"a\":E}")]
    [InlineData("[E,E]", "null")]
    [InlineData("[E,E]", "[E,E}")]
    [InlineData("[E,E]", "[E,E")]
    [InlineData("[E,E]", "[E],\"events\":[E,E,E]")]
    [InlineData("[E,E]", "[E,E]]")]
    public void Odd_batches_are_read_the_same(string from, string to)
    {
        var text = SomeUsage.Text(SomeUsage.Event(At));
        Same(SomeUsage.Batch(["E", "E"]).Replace(from, to, StringComparison.Ordinal).Replace("E", text, StringComparison.Ordinal));
        Same(SomeUsage.Batch(["E", "E"]).Replace(from, to, StringComparison.Ordinal).Replace("E", text + "\n", StringComparison.Ordinal));
    }

    private static string Same(string body, bool keepsRaw = false) => Same(Encoding.UTF8.GetBytes(body), keepsRaw);

    private static string Same(byte[] body, bool keepsRaw)
    {
        var fast = Outcome(body, keepsRaw, GatewayBatch.Read);
        fast.ShouldBe(Outcome(body, keepsRaw, GatewayBatch.ReadSlowly));
        return fast;
    }

    private delegate GatewayBatch? Reader(ReadOnlyMemory<byte> body, Validation validation, bool keepsRaw);

    /// <summary>All that comes of a body, as text.</summary>
    private static string Outcome(byte[] body, bool keepsRaw, Reader read)
    {
        try
        {
            var validation = new Validation();
            return read(body, validation, keepsRaw) is { } batch
                ? string.Join('\n', [$"{batch.Instance} {batch.Watermark:O} {string.Join(' ', batch.Settled)} {batch.UnusableSettled}", .. batch.Events.Select(Text)])
                : "not valid: " + string.Join(' ', validation.Details.Select(one => $"{one.Key} {string.Join(',', one.Value)}"));
        }
        catch (Exception error) when (error is not ShouldAssertException)
        {
            return $"{error.GetType()} {error.Message}";
        }
    }

    private static string Text(GatewayEventOutcome outcome) => outcome.Event is { } one
        ? $"{outcome.Id} stored {one.Id} {one.Digest} {one.IdTime:O} {one.At:O} {one.Org} {one.Subscription ?? "-"} {one.Code} {one.Corrects} "
            + $"{string.Join(' ', one.Counted)} {Convert.ToHexString(one.Properties.Span)} {Convert.ToHexString(one.Body.Span)}"
        : $"{outcome.Id} refused {outcome.Reason}";
}
