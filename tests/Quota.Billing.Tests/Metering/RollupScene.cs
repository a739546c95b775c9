using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;
using Quota.Billing.Tests.Ingest;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Metering;

/// <summary>Usage of one code of its own, sent by both routes, and three ways to ask for it that must agree.</summary>
internal sealed class RollupScene
{
    public const string Field = "input_tokens";

    /// <summary>The customer that subscriptions belong to; a gateway's events of another one do not count.</summary>
    public const string Org = "acme";

    public static readonly string[] Keys = ["model", "team", "region"];

    /// <summary>A leap day, a month's and a year's edge lie near.</summary>
    private static readonly DateTimeOffset[] Anchors =
    [
        new(2028, 2, 29, 0, 0, 0, TimeSpan.Zero), new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero), new(2026, 12, 31, 23, 45, 0, TimeSpan.Zero),
        new(2027, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2026, 12, 30, 12, 30, 0, TimeSpan.Zero),
    ];

    private static readonly string[] Models = ["gpt-4o", "claude", "a \"quoted\" \\ one", "größe-€", "𝒎athematical", "", new('m', 1_200)];
    private static readonly string[] OddValues = ["null", "true", "\"three\"", "\"4.25\"", "\"1e3\"", "{\"n\":1}", "[2]", "1e-7", "2E+3", "\"\"", "1e18", "-0.0000000000015"];

    private readonly BillingApp _app;
    private readonly Guid _customer;

    private RollupScene(BillingApp app, Guid customer, string code) => (_app, _customer, Code) = (app, customer, code);

    public string Code { get; }

    public IReadOnlyList<string> Subscriptions => [$"{Code}-one", $"{Code}-two"];

    public static async Task<RollupScene> StartAsync(BillingApp app)
    {
        var customer = (await app.PostAsync("/api/v1/customers", new { customer = new { external_id = Org } })).ShouldBe(200);
        return new RollupScene(app, Guid.Parse(customer.At("customer.lago_id")!), $"c{NewId():N}");
    }

    public RollupBuilder Builder => _app.Services.GetRequiredService<RollupBuilder>();

    /// <summary>Bodies to send, each to one of the two routes.</summary>
    public List<(bool ByGateway, string Body)> Batches(Random random, int events)
    {
        var batches = new List<(bool, string)>();
        for (var left = events; left > 0;)
        {
            var size = Math.Min(left, random.Next(1, 25));
            left -= size;
            batches.Add(random.Next(2) == 0 ? (true, GatewayBatch(random, size)) : (false, ApiBatch(random, size)));
        }
        return batches;
    }

    /// <summary>Sends all, in random order, some of them again; a batch of the public route that is sent again is refused.</summary>
    public async Task SendAsync(IReadOnlyList<(bool ByGateway, string Body)> batches, Random random)
    {
        var order = batches.Concat(batches.Where(_ => random.Next(4) == 0)).ToArray();
        random.Shuffle(order);
        foreach (var (byGateway, body) in order)
        {
            var answer = byGateway ? await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/usage", body)
                : await _app.PostAsync("/api/v1/events/batch", body);
            answer.Status.ShouldBeOneOf(byGateway ? [200] : [200, 422], answer.Text);
        }
    }

    /// <returns>The metric's id.</returns>
    public async Task<Guid> MetricAsync(string aggregation)
    {
        var code = $"{Code}-{aggregation}-{NewId():N}";
        var made = await _app.PostAsync("/api/v1/billable_metrics", new
        {
            billable_metric = new { name = code, code, event_code = Code, aggregation_type = aggregation, field_name = aggregation == "count_agg" ? null : Field },
        });
        return Guid.Parse(made.ShouldBe(200).At("billable_metric.lago_id")!);
    }

    public async Task WantAsync(Guid metric, params string[] keys)
    {
        await using var connection = await _app.OpenAsync();
        await RollupCatalog.WantAsync(connection, metric, keys, TimeProvider.System.GetUtcNow());
    }

    /// <summary>Builds until nothing is wanted; the app's own job may be at it too.</summary>
    public async Task BuildAllAsync() => await TestKit.Eventually.TrueAsync("all rollups are built", async () =>
        await Builder.BuildWantedAsync(CancellationToken.None)
        && await _app.ScalarAsync<long>("select count(*) from rollups where state in ('wanted', 'building')") == 0);

    public static DateTimeOffset Time(Random random)
    {
        var anchor = Anchors[random.Next(Anchors.Length)];
        return random.Next(4) switch
        {
            0 => anchor.AddMilliseconds(random.Next(-2, 3)),
            1 => anchor.AddMinutes(15 * random.Next(-200, 200)).AddMilliseconds(random.Next(-1, 2)),
            2 => anchor.AddDays(random.Next(-40, 40)).AddMilliseconds(random.Next(-1, 2)),
            _ => anchor.AddMilliseconds(random.Next(-200_000_000, 200_000_000)),
        };
    }

    /// <summary>The rollup of a metric, the events one by one, and SQL over the view say the same.</summary>
    public async Task ShouldAgreeAsync(Random random, string aggregation, Guid metric, bool viaRollup = true)
    {
        var (a, b) = (Time(random), Time(random));
        var (from, to) = a < b ? (a, b) : (b, a.AddMilliseconds(1));     // never empty
        string[] keys = [.. Keys.Where(_ => random.Next(3) == 0).OrderBy(_ => random.Next())];
        await ShouldAgreeAsync(aggregation, metric, Subscriptions[random.Next(2)], from, to, keys, random.Next(4) == 0 && aggregation == "sum_agg", viaRollup);
    }

    public async Task ShouldAgreeAsync(
        string aggregation, Guid metric, string subscription, DateTimeOffset from, DateTimeOffset to, string[] keys, bool recurring, bool viaRollup = true)
    {
        await using var connection = await _app.OpenAsync();
        var terms = new MetricTerms { Id = metric, EventCode = Code, AggregationType = aggregation, FieldName = Field, Recurring = recurring };
        var query = _app.Services.GetRequiredService<MeterQuery>();
        var subject = new MeterSubject(subscription, _customer);
        if (viaRollup && keys.Length == 0)
            (await RollupCatalog.FindAsync(connection, metric, keys, RollupGrain.Latest, CancellationToken.None)).ShouldNotBeNull($"{aggregation} has a rollup");
        var byRollup = await query.ReadAsync(connection, terms, subject, from, to, keys);
        var byEvents = await query.ReadAsync(connection, terms with { Id = NewId() }, subject, from, to, keys);
        var what = $"{aggregation} of {subscription}, {from:O} to {to:O}, by [{string.Join(", ", keys)}]{(recurring ? ", recurring" : "")}";
        Text(byRollup).ShouldBe(Text(byEvents), what);
        if (aggregation != "average_agg")
            Text(byRollup).ShouldBe(await BruteForceAsync(connection, aggregation, subscription, from, to, keys, recurring), what);
    }

    private static Guid NewId() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    private static string Text(IReadOnlyList<GroupedQuantity> groups) => Lines(groups.Select(group => (Group: Values(group.Values), group.Quantity.Units, group.Quantity.EventsCount)));

    private static string Lines(IEnumerable<(string Group, decimal Units, long Calls)> lines) => string.Join('\n', lines.OrderBy(line => line.Group, StringComparer.Ordinal)
        .Select(line => FormattableString.Invariant($"{line.Group}: {line.Units.ToString("0.############", CultureInfo.InvariantCulture)} of {line.Calls}")));

    /// <summary>By what a long one is told apart is the rollup's business, so that here only its beginning is compared.</summary>
    private static string Values(IEnumerable<string?> values) => string.Join('|', values.Select(value => value is null ? "∅" : value.Length > 30 ? value[..30] : value));

    private async Task<string> BruteForceAsync(
        NpgsqlConnection connection, string aggregation, string subscription, DateTimeOffset from, DateTimeOffset to, string[] keys, bool recurring)
    {
        var units = aggregation switch
        {
            "sum_agg" => "coalesce(sum(n), 0)",
            "count_agg" => "count(*) filter (where not is_correction)",
            "max_agg" => "coalesce(max(n) filter (where not is_correction), 0)",
            "min_agg" => "coalesce(min(n) filter (where not is_correction), 0)",
            _ => throw new ArgumentOutOfRangeException(nameof(aggregation), aggregation, "has no SQL here"),
        };
        await using var command = new NpgsqlCommand($"""
            select array[{string.Join(", ", keys.Select(key => $"properties ->> '{key}'"))}]::text[], {units}, count(*) filter (where not is_correction and at >= @from)
            from (select at, is_correction, properties, case when abs(number) < 1e18 then number end as n from (
                select at, is_correction, properties, case
                    when json_typeof(properties -> '{Field}') = 'number' or properties ->> '{Field}' ~ '^[+-]?\d+(\.\d+)?$' and json_typeof(properties -> '{Field}') = 'string'
                    then round((properties ->> '{Field}')::numeric, 12) end as number
                from events where code = @code and external_subscription_id = @subscription and (customer_id is null or customer_id = @customer)
                    and at < @to and (@recurring or at >= @from)) e) e
            {(keys.Length == 0 ? "having count(*) > 0" : $"group by {string.Join(", ", keys.Select(key => $"properties ->> '{key}'"))}")}
            """, connection);
        command.Parameters.AddWithValue("code", Code);
        command.Parameters.AddWithValue("subscription", subscription);
        command.Parameters.AddWithValue("customer", _customer);
        command.Parameters.AddWithValue("from", from.UtcDateTime);
        command.Parameters.AddWithValue("to", to.UtcDateTime);
        command.Parameters.AddWithValue("recurring", recurring);
        var groups = new List<(string, decimal, long)>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            groups.Add((Values(reader.GetFieldValue<string?[]>(0)), reader.GetDecimal(1), reader.GetInt64(2)));
        return Lines(groups);
    }

    private string GatewayBatch(Random random, int size)
    {
        var events = new List<UsageEvent>();
        for (var i = 0; i < size; i++)
        {
            var one = SomeUsage.Event(Time(random), random.Next(5_000), random.Next(500), Subscriptions[random.Next(2)]) with
            {
                Code = Code,
                Org = random.Next(8) == 0 ? "nobody" : Org,
                Model = Models[random.Next(4)],
                Team = random.Next(3) == 0 ? null : $"team-{random.Next(3)}",
            };
            events.Add(one);
            if (random.Next(5) == 0)
            {
                var at = random.Next(2) == 0 ? one.At : Time(random);
                events.Add(one with { Id = Guid.CreateVersion7(at), At = at, Corrects = one.Id, Usage = new UsageCounts { InputTokens = -random.Next(100), Requests = 0 } });
            }
        }
        return SomeUsage.Batch(events.Select(SomeUsage.Text));
    }

    private string ApiBatch(Random random, int size) => new JsonObject
    {
        ["events"] = new JsonArray([.. Enumerable.Range(0, size).Select(_ => new JsonObject
        {
            ["transaction_id"] = NewId().ToString(),
            ["external_subscription_id"] = Subscriptions[random.Next(2)],
            ["code"] = Code,
            ["timestamp"] = (Time(random).ToUnixTimeMilliseconds() / 1000m).ToString(CultureInfo.InvariantCulture),
            ["properties"] = Properties(random),
        })]),
    }.ToJsonString();

    private static JsonObject Properties(Random random)
    {
        var properties = new JsonObject();
        if (random.Next(6) != 0)
            properties[Field] = JsonNode.Parse(random.Next(3) == 0 ? OddValues[random.Next(OddValues.Length)] : random.Next(1_000).ToString(CultureInfo.InvariantCulture));
        if (random.Next(6) != 0)
            properties["model"] = random.Next(6) == 0 ? null : Models[random.Next(Models.Length)];
        if (random.Next(2) == 0)
            properties["region"] = random.Next(3) switch { 0 => JsonValue.Create(7), 1 => JsonValue.Create(false), _ => JsonValue.Create("eu") };
        return properties;
    }
}
