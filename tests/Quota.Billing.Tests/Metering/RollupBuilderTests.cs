using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;
using Quota.TestKit;

namespace Quota.Billing.Tests.Metering;

/// <summary>A builder that dies half-way, rollups that are replaced while they are read, metrics that go away meanwhile. An app each: they stop its builder.</summary>
public sealed class RollupBuilderTests
{
    [Theory]
    [InlineData("before insert on usage_rollups", "new.shard = -1", "while it writes")]
    [InlineData("before update on rollups", "new.state = 'ready'", "when all is written")]
    public async Task Killed_half_way_it_begins_again(string when, string condition, string where)
    {
        await using var app = await BillingApp.StartAsync();
        var (random, scene) = (new Random(7), await RollupScene.StartAsync(app));
        await scene.SendAsync(scene.Batches(random, 200), random);
        await scene.BuildAllAsync();
        await StopBuildersAsync(app, when, condition);
        var metric = await scene.MetricAsync("sum_agg");

        var builder = await WaitingBuilderAsync(app);
        await scene.SendAsync(scene.Batches(random, 100), random);      // while the builder stands there
        await scene.ShouldAgreeAsync(random, "sum_agg", metric, viaRollup: false);
        (await app.ScalarAsync<bool>($"select pg_terminate_backend({builder})")).ShouldBeTrue();
        await scene.SendAsync(scene.Batches(random, 100), random);
        await LetThemGoAsync(app);
        await scene.BuildAllAsync();
        for (var i = 0; i < 20; i++)
            await scene.ShouldAgreeAsync(random, "sum_agg", metric);
        (await app.ScalarAsync<long>($"select count(*) from rollups where metric_id = '{metric}' and state = 'retired'")).ShouldBeGreaterThan(0, $"the one that was begun ({where}) is not the one that is read");
    }

    [Fact]
    public async Task Replaced_by_one_with_more_keys_while_it_is_read_and_written_it_always_tells_the_sum()
    {
        await using var app = await BillingApp.StartAsync();
        var (random, scene) = (new Random(8), await RollupScene.StartAsync(app));
        var metric = await scene.MetricAsync("sum_agg");
        await scene.SendAsync(scene.Batches(random, 300), random);
        await scene.BuildAllAsync();
        var query = app.Services.GetRequiredService<MeterQuery>();
        var terms = new MetricTerms { Id = metric, EventCode = scene.Code, AggregationType = "sum_agg", FieldName = RollupScene.Field };
        var (from, to) = (new DateTimeOffset(2026, 1, 1, 0, 7, 0, TimeSpan.Zero), new DateTimeOffset(2029, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var expected = await ReadAsync();
        expected.Units.ShouldBeGreaterThan(0);

        var replacing = Task.Run(async () =>
        {
            foreach (var keys in new[] { ["model"], new[] { "model", "team" }, ["model", "team", "region"] })
            {
                await scene.WantAsync(metric, keys);
                await scene.BuildAllAsync();
            }
        });
        var reads = 0;
        while (!replacing.IsCompleted || reads < 20)
        {
            (await ReadAsync()).ShouldBe(expected);
            reads++;
        }
        await replacing;
        (await app.ScalarAsync<long>($"select count(*) from rollups where metric_id = '{metric}' and state = 'ready'")).ShouldBe(1);
        for (var i = 0; i < 40; i++)
            await scene.ShouldAgreeAsync(random, "sum_agg", metric);

        async Task<Quantity> ReadAsync()
        {
            await using var connection = await app.OpenAsync();
            return await query.ReadAsync(connection, terms, new MeterSubject(scene.Subscriptions[0], Guid.Empty), from, to);
        }
    }

    [Fact]
    public async Task A_metric_that_is_deleted_while_its_rollup_is_built_leaves_none()
    {
        await using var app = await BillingApp.StartAsync();
        var (random, scene) = (new Random(9), await RollupScene.StartAsync(app));
        await scene.SendAsync(scene.Batches(random, 100), random);
        await scene.BuildAllAsync();
        await StopBuildersAsync(app, "before insert on usage_rollups", "new.shard = -1");
        var metric = await scene.MetricAsync("sum_agg");
        await WaitingBuilderAsync(app);
        var code = await app.ScalarAsync<string>($"select code from billable_metrics where id = '{metric}'");
        (await app.DeleteAsync($"/api/v1/billable_metrics/{code}")).ShouldBe(200);
        await LetThemGoAsync(app);
        await scene.BuildAllAsync();
        (await app.ScalarAsync<long>("select count(*) from rollups where metric_id is null and state in ('wanted', 'building', 'ready')"))
            .ShouldBe(1, "only the one that counts all events is of no metric");
        await using var connection = await app.OpenAsync();
        var all = (await RollupCatalog.FindAsync(connection, null, [], RollupGrain.Latest, CancellationToken.None)).ShouldNotBeNull();
        (await app.ScalarAsync<long>($"select sum(total)::bigint from usage_rollups where rollup_id = {all.Id} and grain = 1440"))
            .ShouldBe(await app.ScalarAsync<long>("select count(*) from usage_events"));
    }

    /// <summary>Lets builders come to a point and no further.</summary>
    private static async Task StopBuildersAsync(BillingApp app, string when, string condition) => await app.ScalarAsync<bool>($"""
        create table gate (is_open boolean not null);
        insert into gate values (false);
        create function wait_at_gate() returns trigger language plpgsql as $$ begin
            perform set_config('application_name', 'waits at the gate', false);
            while not (select is_open from gate) loop
                perform pg_sleep(0.01);
            end loop;
            return new;
        end $$;
        create trigger wait_at_gate {when} for each row when ({condition}) execute function wait_at_gate();
        select true;
        """);

    private static async Task LetThemGoAsync(BillingApp app) => await app.ScalarAsync<bool>("update gate set is_open = true returning true");

    private static async Task<int> WaitingBuilderAsync(BillingApp app)
    {
        const string Waiting = "from pg_stat_activity where datname = current_database() and application_name = 'waits at the gate'";
        await Eventually.TrueAsync("the builder stands at the gate", async () => await app.ScalarAsync<long>($"select count(*) {Waiting}") == 1);
        return await app.ScalarAsync<int>($"select pid {Waiting}");
    }
}
