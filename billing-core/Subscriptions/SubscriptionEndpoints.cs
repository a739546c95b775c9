using Quota.Billing.Catalog;
using Quota.Billing.Http;

namespace Quota.Billing.Subscriptions;

/// <summary><c>/api/v1/subscriptions</c>, Lago's shapes.</summary>
internal static class SubscriptionEndpoints
{
    /// <summary>Bounds how many periods one request can make due.</summary>
    private const int MaxYearsAway = 5;

    public static void MapSubscriptions(this WebApplication app)
    {
        var subscriptions = app.MapGroup("/api/v1/subscriptions");
        subscriptions.MapPost("", Create);
        subscriptions.MapGet("", List);
        subscriptions.MapGet("{externalId}", Get);
        subscriptions.MapDelete("{externalId}", Terminate);
        app.MapCurrentUsage();
        app.MapPastUsage();
    }

    private static async Task<IResult> Create(JsonBody body, SubscriptionStore store, PlanStore plans, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var input = body.Root("subscription");
        var customerId = input.RequiredText("external_customer_id");
        var planCode = input.RequiredText("plan_code");
        var externalId = input.Text("external_id") is { Length: > 0 } given ? given : Guid.CreateVersion7(now).ToString();
        var name = input.Text("name");
        var billingTime = input.OneOf("billing_time", BillingTime.Calendar, BillingTime.Anniversary) ?? BillingTime.Calendar;
        var startsAt = input.Time("subscription_at") ?? Later(WholeSecond(now), await store.LastEndAsync(externalId));
        if (startsAt < now.AddYears(-MaxYearsAway) || startsAt > now.AddYears(MaxYearsAway))
            input.Refuse("subscription_at", Mistake.OutOfRange);
        input.RefuseUnbuilt("ending_at", "plan_overrides", "usage_thresholds", "invoice_custom_section", "payment_method");
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);

        if (await store.FindSubscriberAsync(customerId) is not { } customer)
            return ApiErrors.NotFound("customer");
        if (await plans.FindAsync(planCode) is not { } plan)
            return ApiErrors.NotFound("plan");
        if (plan.AmountCurrency != customer.Currency)
            return ApiErrors.Unprocessable("currency", "currencies_does_not_match");

        if (await store.EventCutAsync() is { } cut && startsAt < cut
            && await store.FindAsync(externalId) is not { Status: SubscriptionStatus.Pending or SubscriptionStatus.Active })
        {
            return ApiErrors.Unprocessable("subscription_at",
                $"events before {JsonFormats.Text(cut)} were dropped and cannot be billed any more; start then or later");
        }

        var subscription = Make(now, customer, plan, externalId, name, billingTime, startsAt);
        if (await store.AddAsync(subscription))
            return One(subscription, now);
        if (await store.FindAsync(externalId) is { Status: SubscriptionStatus.Pending or SubscriptionStatus.Active } existing)
            return await AgainAsync(existing, customer, plan, input, store, now);
        return await store.LastEndAsync(externalId) is { } end && end > startsAt
            ? ApiErrors.Unprocessable("subscription_at",
                $"a subscription with this external_id ran until {JsonFormats.Text(end)}; start later than that, or take another external_id")
            : ApiErrors.Unprocessable("external_id", Mistake.AlreadyExists);
    }

    private static Subscription Make(
        DateTimeOffset now, Subscriber customer, Plan plan, string externalId, string? name, string billingTime, DateTimeOffset startsAt)
    {
        var pending = new Subscription
        {
            Id = Guid.CreateVersion7(now),
            ExternalId = externalId,
            CustomerId = customer.Id,
            ExternalCustomerId = customer.ExternalId,
            Timezone = customer.Timezone,
            PlanId = plan.Id,
            PlanCode = plan.Code,
            PlanName = plan.Name,
            PlanInvoiceDisplayName = plan.InvoiceDisplayName,
            PlanAmountCents = plan.AmountCents,
            PlanAmountCurrency = plan.AmountCurrency,
            Name = name,
            Status = SubscriptionStatus.Pending,
            BillingTime = billingTime,
            SubscriptionAt = startsAt,
            CreatedAt = now,
        };
        if (startsAt > now)
            return pending;
        var first = pending.FirstPeriod(startsAt);
        return pending with { Status = SubscriptionStatus.Active, StartedAt = startsAt, PeriodFrom = first.From, PeriodTo = first.To };
    }

    /// <summary>Events are often stamped in whole seconds: one sent right after the subscription must not fall before it.</summary>
    private static DateTimeOffset WholeSecond(DateTimeOffset now) => now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));

    private static DateTimeOffset Later(DateTimeOffset start, DateTimeOffset? end) => end > start ? end.Value : start;

    /// <summary>The same external id again: with the same plan it changes the name (as at Lago), anything else is refused.</summary>
    private static async Task<IResult> AgainAsync(
        Subscription existing, Subscriber customer, Plan plan, Input input, SubscriptionStore store, DateTimeOffset now)
    {
        if (existing.CustomerId != customer.Id)
            return ApiErrors.Unprocessable("external_id", Mistake.AlreadyExists);
        if (existing.PlanId != plan.Id)
        {
            return ApiErrors.Unprocessable("plan_code",
                $"the subscription is on {existing.PlanCode}; changing its plan is not supported yet: terminate it and subscribe again");
        }
        if (!input.Mentions("name"))
            return One(existing, now);
        await store.RenameAsync(existing.Id, input.Text("name"));
        return One(existing with { Name = input.Text("name") }, now);
    }

    private static async Task<IResult> List(Paging paging, HttpRequest request, SubscriptionStore store, TimeProvider clock)
    {
        var asked = request.Query["status[]"].Concat(request.Query["status"]).OfType<string>().Take(SubscriptionStatus.All.Count).ToList();
        IReadOnlyCollection<string> statuses = asked.Count > 0 ? asked : [SubscriptionStatus.Active];
        var (customer, plan) = (request.Query["external_customer_id"].FirstOrDefault(), request.Query["plan_code"].FirstOrDefault());
        var (subscriptions, total) = await store.ListAsync(customer, plan, statuses, paging.Offset, paging.Limit);
        var now = clock.GetUtcNow();
        return Answers.Page("subscriptions", [.. subscriptions.Select(subscription => Answer(subscription, now))], paging, total);
    }

    private static async Task<IResult> Get(string externalId, SubscriptionStore store, TimeProvider clock) =>
        await store.FindAsync(externalId) is { } subscription ? One(subscription, clock.GetUtcNow()) : ApiErrors.NotFound("subscription");

    /// <summary>The last invoice covers the days up to now, and comes with the next invoice run.</summary>
    private static async Task<IResult> Terminate(string externalId, HttpRequest request, SubscriptionStore store, TimeProvider clock)
    {
        if (request.Query["on_termination_invoice"].FirstOrDefault() is { } invoice and not "generate")
            return ApiErrors.Unprocessable("on_termination_invoice", $"'{invoice}' is not supported yet; leave it out");
        var now = clock.GetUtcNow();
        if (await store.FindAsync(externalId) is not { } subscription || !await store.EndAsync(subscription.Id, now))
            return ApiErrors.NotFound("subscription");
        return One((await store.FindAsync(externalId))!, now);
    }

    private static IResult One(Subscription subscription, DateTimeOffset now) => Answers.One("subscription", Answer(subscription, now));

    /// <summary>A subscription in Lago's shape; invoices show it too.</summary>
    public static object Answer(Subscription subscription, DateTimeOffset now)
    {
        var period = subscription.PeriodAt(now);
        return new
        {
            LagoId = subscription.Id,
            subscription.ExternalId,
            LagoCustomerId = subscription.CustomerId,
            subscription.ExternalCustomerId,
            subscription.Name,
            subscription.PlanCode,
            subscription.PlanAmountCents,
            subscription.PlanAmountCurrency,
            subscription.Status,
            subscription.BillingTime,
            subscription.SubscriptionAt,
            subscription.StartedAt,
            EndingAt = (DateTimeOffset?)null,
            TerminatedAt = subscription.Status == SubscriptionStatus.Terminated ? subscription.TerminatedAt : null,
            CanceledAt = subscription.Status == SubscriptionStatus.Canceled ? subscription.TerminatedAt : null,
            subscription.CreatedAt,
            PreviousPlanCode = (string?)null,
            NextPlanCode = (string?)null,
            DowngradePlanDate = (string?)null,
            TrialEndedAt = (DateTimeOffset?)null,
            CurrentBillingPeriodStartedAt = period?.From,
            CurrentBillingPeriodEndingAt = period?.LastMoment,
        };
    }
}
