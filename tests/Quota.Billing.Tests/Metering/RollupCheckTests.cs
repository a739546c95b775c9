using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Tests.Metering;

public sealed class RollupCheckTests : IAsyncLifetime
{
    private readonly Random _random = new(11);
    private BillingApp _app = null!;
    private RollupScene _scene = null!;
    private Guid _metric;

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync();
        _scene = await RollupScene.StartAsync(_app);
        _metric = await _scene.MetricAsync("sum_agg");
        await _scene.WantAsync(_metric, "model");
        await _scene.SendAsync(_scene.Batches(_random, 300), _random);
        await _scene.BuildAllAsync();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task Finds_nothing_where_nothing_differs_while_others_store()
    {
        var sending = _scene.SendAsync(_scene.Batches(_random, 300), _random);
        do
        {
            var answer = (await _app.PostAsync("/api/v1/rollups/verify", new { repair = true })).ShouldBe(200);
            answer["rollups"].EnumerateArray().ShouldNotBeEmpty();
            foreach (var rollup in answer["rollups"].EnumerateArray())
                rollup.GetProperty("differences").GetInt64().ShouldBe(0, answer.Text);
        }
        while (!sending.IsCompleted);
        await sending;
        (await _app.GetAsync("/api/v1/findings")).ShouldBe(200).At("meta.total_count").ShouldBe("0");
    }

    [Theory]
    [InlineData("update usage_rollups set total = total + 1000000000000 where ctid = (select ctid from {rows} and grain = 15 limit 1)", 1)]
    [InlineData("update usage_rollups set calls = calls - 1 where ctid = (select ctid from {rows} and grain = 1440 limit 1)", 1)]
    [InlineData("update usage_rollups set most = most + 1 where ctid = (select ctid from {rows} and most is not null limit 1)", 1)]
    [InlineData("delete from usage_rollups where (stream_id, bucket, dims) = (select stream_id, bucket, dims from {rows} and grain = 1440 limit 1) and rollup_id = {id} and grain = 1440", 1)]
    [InlineData("delete from usage_rollups where rollup_id = {id} and grain = 15", -1)]
    [InlineData("update usage_rollups set bucket = bucket + interval '100 years' where ctid = (select ctid from {rows} limit 1)", 2)]
    [InlineData("insert into usage_rollups select rollup_id, stream_id, grain, bucket + interval '300 years', dims, shard, 0, 0, null, null from {rows} limit 1", 1)]
    public async Task What_differs_is_found_and_put_right(string plant, int rows)
    {
        var id = await ReadAsync();
        rows = rows > 0 ? rows : (int)await _app.ScalarAsync<long>($"select count(distinct (stream_id, bucket, dims)) from usage_rollups where rollup_id = {id} and grain = 15");
        await RunAsync(plant.Replace("{rows}", $"usage_rollups where rollup_id = {id}", StringComparison.Ordinal).Replace("{id}", $"{id}", StringComparison.Ordinal));

        var seen = (await _app.PostAsync("/api/v1/rollups/verify", new { })).ShouldBe(200);
        var found = seen["rollups"].EnumerateArray().Single(rollup => rollup.GetProperty("differences").GetInt64() > 0);
        (found.GetProperty("id").GetInt32(), found.GetProperty("differences").GetInt32(), found.GetProperty("is_repaired").GetBoolean()).ShouldBe((id, rows, false), seen.Text);
        found.GetProperty("listed").GetArrayLength().ShouldBe(Math.Min(rows, 100));
        (await _app.GetAsync("/api/v1/findings")).At("meta.total_count").ShouldBe("0", "who only asks changes nothing");
        (await ReadAsync()).ShouldBe(id);

        (await _app.PostAsync("/api/v1/rollups/verify", new { repair = true })).ShouldBe(200).Text.ShouldContain("\"is_repaired\":true");
        var finding = (await _app.GetAsync("/api/v1/findings?kind=rollup_differs")).ShouldBe(200);
        finding.At("findings.0.subject").ShouldBe($"rollup {id}");
        finding.At("findings.0.detail.differences").ShouldBe($"{rows}");
        for (var i = 0; i < 5; i++)     // from the events, or the new rollup if it is there already
            await _scene.ShouldAgreeAsync(_random, "sum_agg", _metric, viaRollup: false);

        await _scene.BuildAllAsync();
        (await ReadAsync()).ShouldNotBe(id);
        (await _app.PostAsync("/api/v1/rollups/verify", new { repair = true })).ShouldBe(200).Text.ShouldNotContain("\"is_repaired\":true");
        for (var i = 0; i < 20; i++)
            await _scene.ShouldAgreeAsync(_random, "sum_agg", _metric);
    }

    [Fact]
    public async Task The_rollup_that_counts_all_events_is_put_right_too()
    {
        await RunAsync("update usage_rollups set total = total + 1 where rollup_id = (select id from rollups where metric_id is null and state = 'ready')");
        (await _app.PostAsync("/api/v1/rollups/verify", new { repair = true })).ShouldBe(200).Text.ShouldContain("\"is_repaired\":true");
        (await _app.GetAsync("/api/v1/events")).ShouldBe(200).At("meta.total_count").ShouldBe(await CountAsync());
        await _scene.BuildAllAsync();
        (await _app.GetAsync("/api/v1/events")).ShouldBe(200).At("meta.total_count").ShouldBe(await CountAsync());
        async Task<string> CountAsync() => (await _app.ScalarAsync<long>("select count(*) from usage_events")).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Only_the_days_that_are_asked_for_are_compared()
    {
        var id = await ReadAsync();
        await RunAsync($"update usage_rollups set total = total + 1 where rollup_id = {id} and bucket < '2026-12-31'");
        (await _app.PostAsync("/api/v1/rollups/verify", new { from = "2026-12-31T12:00:00Z" })).ShouldBe(200).Text.ShouldNotContain("\"listed\":[{");
        (await _app.PostAsync("/api/v1/rollups/verify", new { from = "2026-12-30T23:00:00Z" })).ShouldBe(200).Text.ShouldContain("\"listed\":[{");
        var refused = (await _app.PostAsync("/api/v1/rollups/verify", new { from = "2027-01-01", to = "2027-01-01", days = 3 })).ShouldBe(422);
        refused["error_details"].EnumerateObject().Select(field => field.Name).ShouldBe(["days", "to"], ignoreOrder: true);
    }

    /// <summary>The rollup that is read now.</summary>
    private async Task<int> ReadAsync()
    {
        await using var connection = await _app.OpenAsync();
        return (await RollupCatalog.FindAsync(connection, _metric, ["model"], RollupGrain.Latest, CancellationToken.None)).ShouldNotBeNull().Id;
    }

    private async Task RunAsync(string sql)
    {
        await using var connection = await _app.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
    }
}
