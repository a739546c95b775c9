using Quota.Billing.Invoicing;

namespace Quota.Billing.Subscriptions;

/// <summary>Who pays for what by which plan. A row of <c>subscriptions</c> with what billing needs of its customer and plan.</summary>
internal sealed record Subscription
{
    public Guid Id { get; init; }

    /// <summary>As events and API keys name it; one live subscription at a time has it.</summary>
    public required string ExternalId { get; init; }

    public Guid CustomerId { get; init; }

    public required string ExternalCustomerId { get; init; }

    /// <summary>IANA zone; decides where days and months begin.</summary>
    public required string Timezone { get; init; }

    public Guid PlanId { get; init; }

    public required string PlanCode { get; init; }

    public required string PlanName { get; init; }

    public string? PlanInvoiceDisplayName { get; init; }

    public long PlanAmountCents { get; init; }

    public required string PlanAmountCurrency { get; init; }

    public string? Name { get; init; }

    /// <summary>One of <see cref="SubscriptionStatus"/>.</summary>
    public required string Status { get; init; }

    /// <summary>One of <see cref="Subscriptions.BillingTime"/>.</summary>
    public required string BillingTime { get; init; }

    /// <summary>When it was to begin; later than now while pending.</summary>
    public DateTimeOffset SubscriptionAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? TerminatedAt { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The period that was not billed yet, [from, to); null before it started and when nothing is left to bill.</summary>
    public DateTimeOffset? PeriodFrom { get; init; }

    public DateTimeOffset? PeriodTo { get; init; }

    /// <summary>Its months, in its customer's time zone of now.</summary>
    public BillingCalendar Calendar()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(Timezone);
        return BillingTime == Subscriptions.BillingTime.Anniversary
            ? BillingCalendar.Anniversary(zone, SubscriptionAt)
            : BillingCalendar.Calendar(zone);
    }

    /// <summary>The first period: from the start to the end of the month it falls in.</summary>
    public BillingPeriod FirstPeriod(DateTimeOffset startedAt) => new(startedAt, Calendar().Containing(startedAt).To);

    /// <summary>The period after <paramref name="billed"/>, cut where the subscription ended; null when it ended before.</summary>
    public BillingPeriod? PeriodAfter(BillingPeriod billed)
    {
        var next = Calendar().After(billed);
        return TerminatedAt is not { } end || end >= next.To ? next : end > next.From ? next with { To = end } : null;
    }

    /// <summary>The period that <paramref name="now"/> falls in, billed or not; null unless it is running.</summary>
    public BillingPeriod? PeriodAt(DateTimeOffset now)
    {
        if (Status != SubscriptionStatus.Active || PeriodFrom is not { } from || PeriodTo is not { } to)
            return null;
        var period = new BillingPeriod(from, to);
        while (period.To <= now)
            period = Calendar().After(period);
        return period;
    }
}

internal static class SubscriptionStatus
{
    public const string Pending = "pending";
    public const string Active = "active";
    public const string Terminated = "terminated";
    public const string Canceled = "canceled";

    public static readonly IReadOnlyList<string> All = [Pending, Active, Terminated, Canceled];
}

internal static class BillingTime
{
    public const string Calendar = "calendar";
    public const string Anniversary = "anniversary";
}
