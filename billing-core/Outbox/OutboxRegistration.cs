using Quota.Billing.Clock;

namespace Quota.Billing.Outbox;

/// <summary>The room's door. Handlers are registered by the rooms that own their kinds.</summary>
internal static class OutboxRegistration
{
    public static void AddOutbox(this IServiceCollection services)
    {
        services.AddSingleton(new OutboxOptions());
        services.AddSingleton<OutboxStore>();
        services.AddSingleton<OutboxPump>();
        services.AddSingleton<IDueWork>(provider => provider.GetRequiredService<OutboxPump>());
        services.AddHostedService(provider => provider.GetRequiredService<OutboxPump>());
    }
}

/// <summary>Bounds of the pump. Not settings: nobody has needed another value.</summary>
internal sealed class OutboxOptions
{
    /// <summary>Messages in hand at a time.</summary>
    public int Parallelism { get; init; } = 4;

    /// <summary>Longer than the slowest handler: a handful of calls to Stripe, each bounded by its time-out.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an idle pump sleeps.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The most messages one move of the test clock does.</summary>
    public int DrainMessages { get; init; } = 10_000;

    /// <summary>The longest a move of the test clock waits for messages in other hands.</summary>
    public TimeSpan DrainPatience { get; init; } = TimeSpan.FromSeconds(30);
}
