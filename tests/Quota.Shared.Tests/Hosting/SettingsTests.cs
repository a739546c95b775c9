using Microsoft.Extensions.Configuration;
using Quota.Shared.Hosting;

namespace Quota.Shared.Tests.Hosting;

public sealed class SettingsTests
{
    private static (Settings Settings, SettingsReport Report) Of(params (string Name, string Value)[] values)
    {
        var report = new SettingsReport();
        var configuration = new ConfigurationManager();
        foreach (var (name, value) in values)
            configuration[name] = value;
        return (new Settings(configuration, report), report);
    }

    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("60s", 60)]
    [InlineData("10m", 600)]
    [InlineData("24h", 86400)]
    [InlineData("00:01:30", 90)]
    public void Durations_are_read_as_people_write_them(string text, double seconds)
    {
        var (settings, report) = Of(("A:B", text));
        settings.Duration("A__B", TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromDays(2)).TotalSeconds.ShouldBe(seconds);
        report.Mistakes.ShouldBeEmpty();
    }

    [Fact]
    public void Every_mistake_is_noted_and_reading_goes_on_with_defaults()
    {
        var (settings, report) = Of(("A", "soon"), ("B", "11"), ("C", "pink"), ("D", "nowhere"), ("E", "1e3"));
        settings.Duration("A", TimeSpan.FromSeconds(3), TimeSpan.Zero, TimeSpan.MaxValue).ShouldBe(TimeSpan.FromSeconds(3));
        settings.Number("B", 5, 1, 10).ShouldBe(5);
        settings.Choice("C", "red", "blue").ShouldBe("red");
        settings.Address("D").ShouldBeNull();
        settings.Number("E", 7, 1, 10_000).ShouldBe(7);
        report.Mistakes.Count.ShouldBe(5);
        Should.Throw<SettingsException>(report.ThrowIfAny).Message.ShouldContain("5 settings cannot be used");
    }
}
