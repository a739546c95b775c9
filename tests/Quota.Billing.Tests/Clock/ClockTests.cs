using System.Globalization;
using Quota.Shared.Hosting;

namespace Quota.Billing.Tests.Clock;

public sealed class ClockTests
{
    [Fact]
    public async Task Goes_forward_only_and_outlives_a_restart()
    {
        await using var app = await BillingApp.StartAsync();
        var before = Time(await app.GetAsync("/internal/v1/clock"));
        Math.Abs((before - TimeProvider.System.GetUtcNow()).TotalSeconds).ShouldBeLessThan(10);
        (await app.Gateway.GetStringAsync("/internal/v1/snapshot")).ShouldNotContain("clock_offset_ms", Case.Sensitive);

        var moved = Time((await app.PutAsync("/internal/v1/clock", new { now = before.AddDays(40) })).ShouldBe(200));
        moved.ShouldBeGreaterThanOrEqualTo(before.AddDays(40));
        (await app.Gateway.GetStringAsync("/internal/v1/snapshot")).ShouldContain("clock_offset_ms", Case.Sensitive);

        (await app.PutAsync("/internal/v1/clock", new { now = before.AddDays(39) })).ShouldBe(422).At("error_details.now.0").ShouldNotBeNull().ShouldContain("only goes forward");
        (await app.PutAsync("/internal/v1/clock", new { now = "2900-01-01T00:00:00Z" })).ShouldBe(422);
        (await app.PutAsync("/internal/v1/clock", new { now = "tomorrow" })).ShouldBe(422).At("error_details.now.0").ShouldBe("invalid_format");
        (await app.PutAsync("/internal/v1/clock", new { })).ShouldBe(422).At("error_details.now.0").ShouldBe("value_is_mandatory");

        await app.RestartAsync();
        Time(await app.GetAsync("/internal/v1/clock")).ShouldBeGreaterThanOrEqualTo(moved);
        var error = await Should.ThrowAsync<SettingsException>(() =>
            BillingApp.StartAsync(new Dictionary<string, string?> { ["TestClock:Enabled"] = "false" }, app.ConnectionString));
        error.Message.ShouldContain("TestClock__Enabled");
    }

    [Fact]
    public async Task Is_refused_unless_enabled()
    {
        await using var app = await BillingApp.StartAsync(new Dictionary<string, string?> { ["TestClock:Enabled"] = null });
        (await app.PutAsync("/internal/v1/clock", new { now = "2100-01-01T00:00:00Z" })).ShouldBe(403).At("code").ShouldBe("feature_unavailable");
        (await app.GetAsync("/internal/v1/clock")).ShouldBe(200);
    }

    private static DateTimeOffset Time(JsonAnswer answer) =>
        DateTimeOffset.Parse(answer.At("now")!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
