using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Ingest;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Tests.Ingest;

/// <summary>Months of events go, and what they add up to stays.</summary>
public sealed class RetentionTests : IAsyncLifetime
{
    private const int KeepMonths = 2;

    private static readonly string[] ByRollups = ["sum_agg", "count_agg", "max_agg", "min_agg", "average_agg"];

    private readonly Dictionary<string, Guid> _metrics = [];
    private BillingApp _app = null!;
    private Guid _customer;

    /// <summary>The start of the running month; all of the two months before it and of those is kept.</summary>
    private static DateTimeOffset Month => EventPartitions.MonthOf(TimeProvider.System.GetUtcNow());

    private static DateTimeOffset Cut => Month.AddMonths(-KeepMonths);

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync(new Dictionary<string, string?> { ["Ingest:KeepMonths"] = KeepMonths.ToString(CultureInfo.InvariantCulture) });
        var customer = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme", billing_configuration = new { invoice_grace_period = 365 } } })).ShouldBe(200);
        _customer = Guid.Parse(customer.At("customer.lago_id")!);
        foreach (var aggregation in (string[])[.. ByRollups, "unique_count_agg"])
            _metrics[aggregation] = await MetricAsync(aggregation);
        await WantAsync(_metrics["sum_agg"], "model");
        (await _app.PostAsync("/api/v1/events/batch", Batch)).ShouldBe(200);
        (await _app.ShipAsync(GatewayBatch)).ShouldAllBe(result => result.Status == "accepted");
        await BuildAllAsync();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task What_rollups_tell_is_the_same_before_and_after()
    {
        var before = await QuantitiesAsync();
        await RetainAsync();
        (await OldEventsAsync()).ShouldBeGreaterThan(0, "who asked before the cut has his answer first");
        (await QuantitiesAsync()).ShouldBe(before);
        await LaterAsync();
        (await OldEventsAsync()).ShouldBe(0);
        (await _app.ScalarAsync<long>($"select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'usage_events'::regclass and c.relname < '{EventPartitions.NameOf("usage_events", Cut)}'")).ShouldBe(0);
        (await QuantitiesAsync()).ShouldBe(before);
        (await _app.GetAsync("/api/v1/findings")).ShouldBe(200).At("meta.total_count").ShouldBe("0");
        (await _app.PostAsync("/api/v1/rollups/verify", new { })).ShouldBe(200).Text.ShouldNotContain("\"listed\":[{");
    }

    [Fact]
    public async Task Sent_again_it_adds_nothing_and_sent_late_it_counts()
    {
        await DropAsync();
        var before = await QuantitiesAsync();
        (await _app.PostAsync("/api/v1/events/batch", Batch)).ShouldBe(422).Text.ShouldContain("value_already_exist");
        (await _app.ShipAsync(GatewayBatch)).ShouldAllBe(result => result.Status == "duplicate");
        (await QuantitiesAsync()).ShouldBe(before);

        var (from, to) = (Cut.AddMonths(-2), Cut.AddMonths(-1));
        var sum = await UnitsAsync("sum_agg", from, to);
        (await _app.PostAsync("/api/v1/events/batch", new { events = new[] { One("late", from.AddDays(3), 1_000) } })).ShouldBe(200);
        (await UnitsAsync("sum_agg", from, to)).ShouldBe(sum + 1_000);
        await _app.RestartAsync();      // it has forgotten that there was a partition of that month
        (await _app.PostAsync("/api/v1/events/batch", new { events = new[] { One("later", from.AddDays(4), 2_000) } })).ShouldBe(200);
        await LaterAsync();
        (await OldEventsAsync()).ShouldBe(0);
        (await UnitsAsync("sum_agg", from, to)).ShouldBe(sum + 3_000);
    }

    [Fact]
    public async Task What_only_events_could_tell_is_refused()
    {
        await DropAsync();
        var from = Cut.AddMonths(-2);
        (await Should.ThrowAsync<EventsGoneException>(() => UnitsAsync("unique_count_agg", from, Cut.AddDays(1)))).Cut.ShouldBe(Cut);
        await Should.ThrowAsync<EventsGoneException>(() => UnitsAsync("sum_agg", from.AddSeconds(1), Cut));
        await Should.ThrowAsync<EventsGoneException>(() => UnitsAsync("sum_agg", from, Cut, "region"));
        (await UnitsAsync("unique_count_agg", Cut, Month)).ShouldBe(8);

        (await SubscribeAsync(Cut.AddMinutes(-1))).ShouldBe(422).At("error_details.subscription_at.0")!.ShouldContain("were dropped");
        (await SubscribeAsync(Cut)).ShouldBe(200);
        (await SubscribeAsync(Cut.AddMinutes(-1))).ShouldBe(200);     // it is there already, and the time is not read
    }

    [Fact]
    public async Task Late_events_may_come_while_their_month_goes()
    {
        await DropAsync();
        await _app.RestartAsync();      // the months' partitions come again, and go
        var (from, sum) = (Cut.AddMonths(-2), await UnitsAsync("sum_agg", Cut.AddMonths(-2), Cut));
        var senders = Enumerable.Range(0, 3).Select(sender => Task.Run(async () =>
        {
            for (var i = 0; i < 15; i++)
                (await _app.PostAsync("/api/v1/events/batch", new { events = Enumerable.Range(0, 4).Select(n => One($"{sender}-{i}-{n}", from.AddDays(n * 15), 1)).ToArray() })).ShouldBe(200);
        })).ToArray();
        do
        {
            await RetainAsync();
        }
        while (!Task.WhenAll(senders).IsCompleted);
        await Task.WhenAll(senders);
        await RetainAsync();
        (await OldEventsAsync()).ShouldBe(0);
        (await UnitsAsync("sum_agg", from, Cut)).ShouldBe(sum + 3 * 15 * 4);
    }

    [Fact]
    public async Task A_rollup_that_is_made_later_takes_over_what_another_knows()
    {
        var before = await QuantitiesAsync();
        await DropAsync();
        await using (var connection = await _app.OpenAsync())
        {
            await using var plant = new Npgsql.NpgsqlCommand($"update usage_rollups set total = total + 1 where bucket >= '{Cut:O}'", connection);
            (await plant.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
        }
        (await _app.PostAsync("/api/v1/rollups/verify", new { repair = true })).ShouldBe(200).Text.ShouldContain("\"is_repaired\":true");
        await BuildAllAsync();
        (await QuantitiesAsync()).ShouldBe(before);
        (await _app.GetAsync("/api/v1/findings?kind=rollup_incomplete")).ShouldBe(200).At("meta.total_count").ShouldBe("0");

        await WantAsync(_metrics["sum_agg"], "region");
        await BuildAllAsync();
        (await _app.GetAsync("/api/v1/findings?kind=rollup_incomplete")).ShouldBe(200).At("meta.total_count").ShouldBe("1");
        (await QuantitiesAsync()).ShouldBe(before, "the older one that knows more is read still");
        (await UnitsAsync("sum_agg", Cut, Month, "region")).ShouldBe(await UnitsAsync("sum_agg", Cut, Month));
    }

    [Theory]
    [InlineData("invoice_not_final")]
    [InlineData("metric_reads_all_events")]
    [InlineData("limit_counts_events")]
    public async Task Waits_while_something_is_computed_from_them(string reason)
    {
        var since = Cut.AddMonths(-2);
        switch (reason)
        {
            case "invoice_not_final":
                (await SubscribeAsync(since)).ShouldBe(200);
                break;
            case "metric_reads_all_events":
                await MetricAsync("unique_count_agg", recurring: true);
                break;
            default:
                (await _app.PostAsync("/api/v1/limits", new
                {
                    limit = new { code = "ever", scope = new { external_customer_id = "acme" }, meter = "requests", amount = "1000", window = new { kind = "lifetime" }, mode = "soft" },
                })).ShouldBe(200);
                break;
        }
        await LaterAsync();
        await LaterAsync();
        var finding = (await _app.GetAsync("/api/v1/findings?kind=retention_waits&subject=" + reason)).ShouldBe(200);
        finding.At("findings.0.subject").ShouldBe(reason, finding.Text);
        (await _app.ScalarAsync<long>($"select count(*) from usage_events where at < '{Cut:O}' and at >= '{since:O}'")).ShouldBeGreaterThan(0);
        (await _app.ScalarAsync<long>($"select count(*) from usage_events where at < '{since:O}'")).ShouldBe(reason == "metric_reads_all_events" ? 6 : 0);
    }

    [Fact]
    public async Task A_rollup_that_differs_is_put_right_before_its_events_go()
    {
        var before = await QuantitiesAsync();
        await using (var connection = await _app.OpenAsync())
        {
            await using var plant = new Npgsql.NpgsqlCommand($"update usage_rollups set total = total + 1 where bucket < '{Cut:O}' and rollup_id in (select id from rollups where metric_id is not null)", connection);
            (await plant.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
        }
        await RetainAsync();
        (await _app.ScalarAsync<long>("select count(*) from event_cuts")).ShouldBe(0);
        await BuildAllAsync();
        await DropAsync();
        (await OldEventsAsync()).ShouldBe(0);
        (await QuantitiesAsync()).ShouldBe(before);
    }

    /// <summary>Everything that rollups can tell, of whole months, of odd quarters of an hour, and by model.</summary>
    private async Task<string> QuantitiesAsync()
    {
        var lines = new List<string>();
        foreach (var aggregation in ByRollups)
        {
            foreach (var (from, to) in new[] { (Cut.AddMonths(-3), Cut), (Cut.AddMonths(-3).AddMinutes(45), Cut.AddDays(9)), (Cut.AddMonths(-1), Cut.AddSeconds(5_000_123)) })
                lines.Add($"{aggregation} {await TextAsync(aggregation, from, to, [])}");
        }
        lines.Add(await TextAsync("sum_agg", Cut.AddMonths(-3), Month, ["model"]));
        lines.Add("recurring " + await TextAsync("sum_agg", Month, Month.AddDays(1), ["model"], recurring: true));
        return string.Join('\n', lines);
    }

    private async Task<string> TextAsync(string aggregation, DateTimeOffset from, DateTimeOffset to, string[] keys, bool recurring = false)
    {
        var groups = await ReadAsync(aggregation, from, to, keys, recurring);
        return string.Join("; ", groups.Select(group => $"{string.Join('|', group.Values)} {group.Quantity.Units:0.############} of {group.Quantity.EventsCount}"));
    }

    private async Task<decimal> UnitsAsync(string aggregation, DateTimeOffset from, DateTimeOffset to, params string[] keys) =>
        (await ReadAsync(aggregation, from, to, keys)).Sum(group => group.Quantity.Units);

    private async Task<IReadOnlyList<GroupedQuantity>> ReadAsync(string aggregation, DateTimeOffset from, DateTimeOffset to, string[] keys, bool recurring = false)
    {
        await using var connection = await _app.OpenAsync();
        var terms = new MetricTerms { Id = _metrics[aggregation], EventCode = "llm.request", AggregationType = aggregation, FieldName = "input_tokens", Recurring = recurring };
        return await _app.Services.GetRequiredService<MeterQuery>().ReadAsync(connection, terms, new MeterSubject("sub", _customer), from, to, keys);
    }

    private async Task<Guid> MetricAsync(string aggregation, bool recurring = false)
    {
        var code = aggregation + recurring;
        var made = await _app.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new { name = code, code, event_code = "llm.request", aggregation_type = aggregation, recurring, field_name = aggregation == "count_agg" ? null : "input_tokens" },
        });
        return Guid.Parse(made.ShouldBe(200).At("billable_metric.lago_id")!);
    }

    private async Task<JsonAnswer> SubscribeAsync(DateTimeOffset at)
    {
        await _app.PostAsync("/api/v1/plans", new { plan = new { name = "p", code = "p", interval = "monthly", amount_cents = 0, amount_currency = "USD", pay_in_advance = false } });
        return await _app.PostAsync("/api/v1/subscriptions", new { subscription = new { external_customer_id = "acme", plan_code = "p", external_id = "sub", subscription_at = at } });
    }

    private async Task WantAsync(Guid metric, params string[] keys)
    {
        await using var connection = await _app.OpenAsync();
        await RollupCatalog.WantAsync(connection, metric, keys, TimeProvider.System.GetUtcNow());
    }

    private async Task BuildAllAsync() => await TestKit.Eventually.TrueAsync("all rollups are built", async () =>
        await _app.Services.GetRequiredService<RollupBuilder>().BuildWantedAsync(CancellationToken.None)
        && await _app.ScalarAsync<long>("select count(*) from rollups where state in ('wanted', 'building')") == 0);

    private Task<long> OldEventsAsync() => _app.ScalarAsync<long>($"select count(*) from usage_events where at < '{Cut:O}'");

    private Task RetainAsync() => _app.Services.GetRequiredService<EventRetention>().RunDueAsync(CancellationToken.None);

    /// <summary>Twenty minutes pass, and what is due by then is done.</summary>
    private async Task LaterAsync()
    {
        var now = DateTimeOffset.Parse((await _app.GetAsync("/internal/v1/clock")).ShouldBe(200).At("now")!, CultureInfo.InvariantCulture);
        (await _app.PutAsync("/internal/v1/clock", new { now = now.AddMinutes(20) })).ShouldBe(200);
    }

    private async Task DropAsync()
    {
        await RetainAsync();
        await LaterAsync();
        (await OldEventsAsync()).ShouldBe(0);
    }

    /// <summary>Three events in each of the last six months; the first is on the month's first instant.</summary>
    private static object Batch => new
    {
        events = Enumerable.Range(0, 18).Select(i => One($"tx-{i}", Month.AddMonths(-1 - i / 3).AddDays(i % 3 * 8).AddSeconds(i % 3 * 1_234.5), i * 7 + i % 3)).ToArray(),
    };

    private static string GatewayBatch { get; } = SomeUsage.Batch(Enumerable.Range(1, 4).Select(i => SomeUsage.Text(SomeUsage.Event(Month.AddMonths(-i).AddHours(30), 10 * i))));

    private static object One(string id, DateTimeOffset at, int tokens) => new
    {
        transaction_id = id,
        external_subscription_id = "sub",
        code = "llm.request",
        timestamp = (at.ToUnixTimeMilliseconds() / 1000m).ToString(CultureInfo.InvariantCulture),
        properties = new { input_tokens = tokens, model = tokens % 2 == 0 ? "a" : "b", region = "eu" },
    };
}
