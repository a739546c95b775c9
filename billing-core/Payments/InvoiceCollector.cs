using Quota.Billing.Outbox;
using Quota.Shared.Amounts;

namespace Quota.Billing.Payments;

/// <summary>
/// Collects one attempt, step by step, from wherever it stands: create unconfirmed, store the id, confirm that id. Each step is
/// written down before the call, so a crash or a lost answer at any point is answered by looking, never by a second charge.
/// The outbox message stays until the attempt is over at Stripe.
/// </summary>
internal sealed class InvoiceCollector(AttemptStore attempts, StripeGateway stripe, PaymentNews news) : IOutboxHandler
{
    /// <summary>More steps than the longest way needs; a bound, in case Stripe's answers go round in circles.</summary>
    private const int MaxSteps = 8;

    public string Kind => CollectionPlanner.Kind;

    public async Task<OutboxOutcome> HandleAsync(OutboxMessage message, CancellationToken cancel)
    {
        for (var step = 0; step < MaxSteps; step++)
        {
            if (await attempts.FindAsync(Guid.Parse(message.Reference)) is not { IsOver: false } attempt)
                return OutboxOutcome.Done;
            var wait = attempt switch
            {
                { PaymentIntentId: null } => await CreateAsync(attempt, cancel),
                { State: AttemptState.Created } => await ConfirmAsync(attempt, cancel),
                { State: AttemptState.NeedsCustomer } => await CancelAsync(attempt, cancel),
                _ => await LookAsync(attempt, cancel),
            };
            if (wait is not null)
                return OutboxOutcome.Again(wait);
        }
        return OutboxOutcome.Again("still moving");
    }

    /// <summary>Null: go on. A text: come back later, and why.</summary>
    private async Task<string?> CreateAsync(PaymentAttempt attempt, CancellationToken cancel)
    {
        if (attempt.ProviderCustomerId is null)
            return await FailAsync(attempt, "no_provider_customer", cancel);
        if (!StripeAmounts.TryToStripe(attempt.AmountCents, Currency.Parse(attempt.Currency), out var amount))
            return await FailAsync(attempt, "amount_not_chargeable", cancel);
        if (attempt.PaymentMethodId is null)
            return await ChooseMethodAsync(attempt, attempt.ProviderCustomerId, cancel);

        var rank = AttemptState.RankOf(AttemptState.Creating);
        await attempts.AdvanceAsync(attempt.Id, AttemptState.Creating, rank);
        switch (await stripe.CreateAsync(attempt, amount, cancel))
        {
            case StripeReply<StripeIntent>.Answered created:
                var next = AttemptState.RankOf(AttemptState.Created);
                await attempts.AdvanceAsync(attempt.Id, AttemptState.Created, next, paymentIntent: created.Value.Id);
                return null;
            case StripeReply<StripeIntent>.Refused refused:
                return await FailAsync(attempt, refused.Code, cancel);
            case StripeReply<StripeIntent>.Lost lost:
                // An intent may exist, unconfirmed. The same create with the same key gives us that one.
                await attempts.AdvanceAsync(attempt.Id, AttemptState.Unknown, rank, lost.Reason);
                return $"create: {lost.Reason}";
            case var other:
                return $"create: {Code(other)}";
        }
    }

    private async Task<string?> ChooseMethodAsync(PaymentAttempt attempt, string customer, CancellationToken cancel)
    {
        switch (await stripe.PaymentMethodAsync(customer, cancel))
        {
            case StripeReply<string?>.Answered { Value: { } method }:
                await attempts.AdvanceAsync(attempt.Id, AttemptState.Creating, AttemptState.RankOf(AttemptState.Creating), paymentMethod: method);
                return null;
            case StripeReply<string?>.Answered:
                return await FailAsync(attempt, "no_payment_method", cancel);
            case StripeReply<string?>.Refused refused:
                return await FailAsync(attempt, refused.Code, cancel);
            case var other:
                return $"payment method: {Code(other)}";
        }
    }

    private async Task<string?> ConfirmAsync(PaymentAttempt attempt, CancellationToken cancel)
    {
        var rank = AttemptState.RankOf(AttemptState.Confirming);
        await attempts.AdvanceAsync(attempt.Id, AttemptState.Confirming, rank);
        switch (await stripe.ConfirmAsync(attempt, cancel))
        {
            case StripeReply<StripeIntent>.Answered confirmed:
                return await ApplyAsync(attempt, confirmed.Value, cancel);
            case StripeReply<StripeIntent>.Lost lost:
                // Looked up at once: the charge may well have gone through.
                await attempts.AdvanceAsync(attempt.Id, AttemptState.Unknown, rank, lost.Reason);
                return null;
            case StripeReply<StripeIntent>.NotNow later:
                return $"confirm: {later.Code}";
            default:
                // A decline, or no longer confirmable because it is further than we knew: the intent itself says which.
                return null;
        }
    }

    /// <summary>An intent that was declined is over only when Stripe has canceled it.</summary>
    private async Task<string?> CancelAsync(PaymentAttempt attempt, CancellationToken cancel) => await stripe.CancelAsync(attempt, cancel) switch
    {
        StripeReply<StripeIntent>.Answered canceled => await ApplyAsync(attempt, canceled.Value, cancel),
        // No longer cancelable: it is further than we knew.
        StripeReply<StripeIntent>.Refused => await LookAsync(attempt, cancel),
        var other => $"cancel: {Code(other)}",
    };

    private async Task<string?> LookAsync(PaymentAttempt attempt, CancellationToken cancel)
    {
        switch (await stripe.GetAsync(attempt.PaymentIntentId!, cancel))
        {
            case StripeReply<StripeIntent>.Answered { Value.Status: StripeTerms.RequiresConfirmation }:
                // The confirm never arrived. Sent again with its key: if it was only slow, Stripe answers with its result.
                return await ConfirmAgainAsync(attempt, cancel);
            case StripeReply<StripeIntent>.Answered found:
                return await ApplyAsync(attempt, found.Value, cancel);
            case var other:
                return $"look: {Code(other)}";
        }
    }

    private async Task<string?> ConfirmAgainAsync(PaymentAttempt attempt, CancellationToken cancel)
    {
        switch (await stripe.ConfirmAsync(attempt, cancel))
        {
            case StripeReply<StripeIntent>.Answered confirmed:
                return await ApplyAsync(attempt, confirmed.Value, cancel);
            case StripeReply<StripeIntent>.Refused refused:
                // It can never be confirmed (the card was taken away): to be canceled like a decline.
                await attempts.AdvanceAsync(attempt.Id, AttemptState.NeedsCustomer, AttemptState.UnderWay, refused.Code);
                return null;
            case var other:
                return $"confirm: {Code(other)}";
        }
    }

    /// <summary>While the bank is at work there is nothing to do but look again later.</summary>
    private async Task<string?> ApplyAsync(PaymentAttempt attempt, StripeIntent intent, CancellationToken cancel) =>
        (await news.ApplyAsync(attempt, intent, cancel)).State == AttemptState.Processing ? "processing at the bank" : null;

    private async Task<string?> FailAsync(PaymentAttempt attempt, string code, CancellationToken cancel)
    {
        await news.FailAsync(attempt, code, cancel);
        return null;
    }

    private static string Code<T>(StripeReply<T> reply) => reply switch
    {
        StripeReply<T>.Refused refused => refused.Code,
        StripeReply<T>.NotNow later => later.Code,
        StripeReply<T>.Lost lost => lost.Reason,
        _ => "answered",
    };
}
