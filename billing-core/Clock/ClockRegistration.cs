using Quota.Billing.Database;
using Quota.Shared.Hosting;

namespace Quota.Billing.Clock;

/// <summary>The door of this room: the core's <see cref="TimeProvider"/>, and the test clock that may move it.</summary>
internal static class ClockRegistration
{
    public static void AddClock(this IServiceCollection services, IConfiguration settings, SettingsReport report)
    {
        var options = new TestClockOptions();
        var enabled = settings["TestClock:Enabled"];
        if (bool.TryParse(enabled, out var value))
            options.Enabled = value;
        else if (!string.IsNullOrEmpty(enabled))
            report.Add("TestClock__Enabled", $"'{enabled}' is neither true nor false");

        // By hand: the container would take the constructor that asks for a TimeProvider, which is this clock itself.
        services.AddSingleton(_ => new CoreClock());
        services.AddSingleton<TimeProvider>(provider => provider.GetRequiredService<CoreClock>());
        services.AddSingleton(options);
        services.AddSingleton<TestClock>();
        services.AddHostedService<ClockAtStart>();
    }
}

/// <summary>Takes up the stored offset after the schema is there and before any job looks at the time.</summary>
internal sealed class ClockAtStart(TestClock clock) : StartStep
{
    public override Task StartingAsync(CancellationToken cancellationToken) => clock.LoadAsync();
}
