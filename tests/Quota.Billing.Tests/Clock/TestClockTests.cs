using Npgsql;
using Quota.Billing.Clock;
using Quota.Billing.Database;

namespace Quota.Billing.Tests.Clock;

public sealed class TestClockTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    [Fact]
    public async Task Due_work_runs_in_order_at_the_new_time_before_the_move_is_answered()
    {
        await using var database = NpgsqlDataSource.Create(shared.App.ConnectionString);
        var clock = new CoreClock();
        var runs = new List<(int Order, DateTimeOffset At)>();
        using var test = new TestClock(
            clock, new InstallationStore(database), [new Work(2, clock, runs), new Work(1, clock, runs)], new TestClockOptions { Enabled = true });
        var target = clock.GetUtcNow().AddDays(31);
        (await test.MoveAsync(target, CancellationToken.None)).ShouldBeOfType<ClockMove.Moved>().Now.ShouldBeGreaterThanOrEqualTo(target);
        runs.Select(run => run.Order).ShouldBe([1, 2]);
        runs.ShouldAllBe(run => run.At >= target);
    }

    private sealed class Work(int order, TimeProvider clock, List<(int, DateTimeOffset)> runs) : IDueWork
    {
        public int Order => order;

        public Task RunDueAsync(CancellationToken cancel)
        {
            runs.Add((order, clock.GetUtcNow()));
            return Task.CompletedTask;
        }
    }
}
