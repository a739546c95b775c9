using System.Text.Json;
using Quota.Billing.Outbox;

namespace Quota.Billing.Payments.Webhooks;

/// <summary>
/// Acts on a <c>payment_intent.*</c> event by fetching the intent: events come late, twice and out of order, the object says how it
/// stands now.
/// </summary>
internal sealed class PaymentIntentHandler(AttemptStore attempts, StripeGateway stripe, PaymentNews news) : IOutboxHandler
{
    public string Kind => StripeEventStore.Kind;

    public async Task<OutboxOutcome> HandleAsync(OutboxMessage message, CancellationToken cancel)
    {
        var intent = JsonElement.Parse(message.Payload).GetProperty("payment_intent").GetString()!;
        // Not ours, or not stored yet: an intent that nobody has confirmed is no news either.
        if (await attempts.FindByIntentAsync(intent) is not { } attempt)
            return OutboxOutcome.Done;
        switch (await stripe.GetAsync(intent, cancel))
        {
            case StripeReply<StripeIntent>.Answered found:
                await news.ApplyAsync(attempt, found.Value, cancel);
                return OutboxOutcome.Done;
            case StripeReply<StripeIntent>.Refused:
                return OutboxOutcome.Done;
            case StripeReply<StripeIntent>.NotNow later:
                return OutboxOutcome.Again(later.Code);
            case StripeReply<StripeIntent>.Lost lost:
                return OutboxOutcome.Again(lost.Reason);
            default:
                throw new InvalidOperationException("A reply of another kind.");
        }
    }
}
