using Dapper;

namespace Quota.Billing.Tests.Database;

public sealed class DapperTypesTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    [Fact]
    public async Task Times_go_in_at_any_offset_and_come_back_in_utc()
    {
        await using var connection = await shared.App.OpenAsync();
        var time = new DateTimeOffset(2026, 11, 30, 23, 59, 59, 123, TimeSpan.FromHours(5.5));
        var row = await connection.QuerySingleAsync<Row>(
            "select @time as some_time, @nothing::timestamptz as other_time, @day as some_day", new { time, nothing = (DateTimeOffset?)null, day = new DateOnly(2026, 2, 28) });
        row.ShouldBe(new Row(time.ToUniversalTime(), null, new DateOnly(2026, 2, 28)));
        row.SomeTime.Offset.ShouldBe(TimeSpan.Zero);
        (await connection.QuerySingleAsync<DateTimeOffset>("select @time", new { time })).ShouldBe(time);
    }

    private sealed record Row(DateTimeOffset SomeTime, DateTimeOffset? OtherTime, DateOnly SomeDay);
}
