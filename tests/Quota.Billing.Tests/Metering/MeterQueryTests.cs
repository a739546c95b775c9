using System.Globalization;
using System.Text.Json.Nodes;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Metering;
using Quota.Billing.Tests.Ingest;

namespace Quota.Billing.Tests.Metering;

public sealed class MeterQueryTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private static readonly Guid Customer = new("0199a000-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset From = new(2026, 10, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset To = From.AddMonths(1);

    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task Sums_are_exact()
    {
        var run = 0;
        await Gen.Select(Gen.Long[-1_000_000_000_000, 1_000_000_000_000], Gen.Int[0, 9]).Array[1, 40].SampleAsync(async parts =>
        {
            var subscription = $"exact-{Interlocked.Increment(ref run)}";
            var values = parts.Select(part => new decimal(Math.Abs(part.Item1) is var a ? (int)(a & 0x7fffffff) : 0, (int)(a >> 32), 0, part.Item1 < 0, (byte)part.Item2)).ToList();
            await SendAsync(subscription, [.. values.Select((value, i) => (From.AddSeconds(i), (JsonNode?)(i % 2 == 0
                ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture)))))]);
            (await ReadAsync(subscription, "sum_agg")).ShouldBe(new Quantity(values.Sum(), values.Count));
        }, iter: 10, threads: 1);
    }

    [Fact]
    public async Task What_is_no_number_counts_0_and_is_still_an_event()
    {
        await SendAsync("odd", [
            (From, JsonValue.Create(2)), (From, null), (From, JsonValue.Create("three")), (From, JsonValue.Create(true)), (From, JsonValue.Create("1e3")),
            (From, JsonValue.Create("")), (From, new JsonObject { ["n"] = 5 }), (From, new JsonArray(1)), (From, JsonValue.Create("0.5")),
        ]);
        (await ReadAsync("odd", "sum_agg")).ShouldBe(new Quantity(2.5m, 9));
        (await ReadAsync("odd", "count_agg")).ShouldBe(new Quantity(9, 9));
        (await ReadAsync("nobody", "sum_agg")).ShouldBe(new Quantity(0, 0));
    }

    [Fact]
    public async Task Periods_are_half_open()
    {
        await SendAsync("edges", [(From.AddMilliseconds(-1), JsonValue.Create(1)), (From, JsonValue.Create(10)), (To.AddMilliseconds(-1), JsonValue.Create(100)), (To, JsonValue.Create(1000))]);
        (await ReadAsync("edges", "sum_agg")).ShouldBe(new Quantity(110, 2));
    }

    [Fact]
    public async Task Both_sources_are_read()
    {
        await SendAsync("mixed", [(From, JsonValue.Create(3))], code: "llm.request");
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(From.AddDays(1), input: 40, subscription: "mixed") with { Org = "unknown" })]));
        await using var connection = await _app.OpenAsync();
        (await ReadAsync(connection, "mixed", Customer, "llm.request", "sum_agg", "input_tokens")).ShouldBe(new Quantity(40, 2));
        (await ReadAsync(connection, "mixed", Customer, "llm.request", "sum_agg", "requests")).ShouldBe(new Quantity(1, 2));
        (await ReadAsync(connection, "mixed", Customer, "llm.request", "count_agg", null)).ShouldBe(new Quantity(2, 2));
    }

    [Fact]
    public async Task A_correction_changes_sums_and_is_no_call()
    {
        var estimate = SomeUsage.Event(From, input: 40, subscription: "put-right") with { Org = "unknown" };
        var correction = SomeUsage.Event(From, input: -15, subscription: "put-right") with { Org = "unknown", Corrects = estimate.Id };
        await _app.ShipAsync(SomeUsage.Batch(new[] { estimate, correction }.Select(SomeUsage.Text)));
        await using var connection = await _app.OpenAsync();
        (await ReadAsync(connection, "put-right", Customer, "llm.request", "sum_agg", "input_tokens")).ShouldBe(new Quantity(25, 1));
        (await ReadAsync(connection, "put-right", Customer, "llm.request", "count_agg", null)).ShouldBe(new Quantity(1, 1));
    }

    [Fact]
    public async Task What_the_API_posts_is_a_call_whatever_its_properties_are_called()
    {
        (await _app.PostAsync("/api/v1/events", new
        {
            @event = new
            {
                transaction_id = "own-word", external_subscription_id = "own-word", code = "units", timestamp = From.ToUnixTimeSeconds(), properties = new { corrects = "spelling", n = 3 },
            },
        })).ShouldBe(200);
        (await ReadAsync("own-word", "count_agg")).ShouldBe(new Quantity(1, 1));
    }

    [Fact]
    public async Task A_key_that_names_anothers_subscription_adds_nothing_to_it()
    {
        var caller = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } })).ShouldBe(200);
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(SomeUsage.Event(From.AddDays(1), input: 40, subscription: "foreign"))]));
        await using var connection = await _app.OpenAsync();
        (await ReadAsync(connection, "foreign", Customer, "llm.request", "sum_agg", "input_tokens")).ShouldBe(new Quantity(0, 0));
        var own = Guid.Parse(caller.At("customer.lago_id")!);
        (await ReadAsync(connection, "foreign", own, "llm.request", "sum_agg", "input_tokens")).ShouldBe(new Quantity(40, 1));
    }

    [Fact]
    public async Task Numbers_count_however_they_are_written()
    {
        await SendAsync("fine",
        [
            (From, JsonNode.Parse("0.0012345678901234567")), (From, JsonNode.Parse("1e-7")), (From, JsonNode.Parse("2E+3")),
            (From, JsonNode.Parse("-1e17")), (From, JsonNode.Parse("1e17")), (From, JsonNode.Parse("1e18")), (From, JsonValue.Create("0.0000000000014")),
        ]);
        (await ReadAsync("fine", "sum_agg")).ShouldBe(new Quantity(2000.001234667891m, 7));
    }

    [Fact]
    public async Task Mistakes_of_the_caller_are_exceptions()
    {
        await using var connection = await _app.OpenAsync();
        await Should.ThrowAsync<KeyNotFoundException>(() => ReadAsync(connection, "s", Customer, "c", "mean_agg", "n"));
        await Should.ThrowAsync<ArgumentException>(() => ReadAsync(connection, "s", Customer, "c", "sum_agg", null));
    }

    private MeterQuery Query => _app.Services.GetRequiredService<MeterQuery>();

    private async Task<Quantity> ReadAsync(string subscription, string aggregation)
    {
        await using var connection = await _app.OpenAsync();
        return await ReadAsync(connection, subscription, Customer, "units", aggregation, "n");
    }

    private Task<Quantity> ReadAsync(Npgsql.NpgsqlConnection connection, string subscription, Guid customer, string code, string aggregation, string? field) =>
        Query.ReadAsync(connection, new MetricTerms { EventCode = code, AggregationType = aggregation, FieldName = field }, new MeterSubject(subscription, customer), From, To);

    private async Task SendAsync(string subscription, IReadOnlyList<(DateTimeOffset At, JsonNode? Value)> values, string code = "units")
    {
        var events = new JsonArray([.. values.Select((one, i) => new JsonObject
        {
            ["transaction_id"] = $"{subscription}-{i}",
            ["external_subscription_id"] = subscription,
            ["code"] = code,
            ["timestamp"] = (one.At.ToUnixTimeMilliseconds() / 1000m).ToString(CultureInfo.InvariantCulture),
            ["properties"] = one.Value is null ? new JsonObject() : new JsonObject { ["n"] = one.Value },
        })]);
        (await _app.PostAsync("/api/v1/events/batch", new JsonObject { ["events"] = events })).ShouldBe(200);
    }
}
