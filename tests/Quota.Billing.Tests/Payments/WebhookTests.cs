using System.Text;
using Quota.Billing.Tests.Invoicing;
using Quota.TestKit;

namespace Quota.Billing.Tests.Payments;

public sealed class WebhookTests
{
    private const string MonthEnd = "2031-04-01T00:00:00Z";

    [Fact]
    public async Task Webhooks_twice_and_in_any_order_change_nothing_that_is_true_already()
    {
        await using var scene = await MoneyScene.StartAsync("visa");
        scene.Stripe.Webhooks.DeliverTwice = true;
        scene.Stripe.Webhooks.Pause();
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        scene.Stripe.Webhooks.Release(reversed: true);
        await Eventually.TrueAsync("the webhooks are delivered", () => Task.FromResult(scene.Stripe.Webhooks.Waiting == 0));
        scene.Stripe.Webhooks.Deliveries.ShouldAllBe(delivery => delivery.Status == 200);
        await scene.MoveClockAsync("2031-04-01T01:00:00Z");
        (await scene.App.ScalarAsync<long>("select count(*) from stripe_events")).ShouldBe(scene.Stripe.Webhooks.Deliveries.Count / 2);
        (await scene.App.ScalarAsync<long>("select count(*) from outbox where done_at is null")).ShouldBe(0);
        scene.Stripe.Captures.ShouldHaveSingleItem();
        (await scene.InvoicesAsync())[0].At("invoice.payment_status").ShouldBe("succeeded");
        (await scene.BalancesAsync())["stripe_in_transit"].ShouldBe("100");
    }

    [Theory]
    [InlineData(true, "succeeded")]
    [InlineData(false, "failed")]
    public async Task A_payment_that_the_bank_works_on_is_settled_by_its_webhook(bool succeeds, string status)
    {
        await using var scene = await MoneyScene.StartAsync("visa");
        scene.Stripe.Faults.HoldInProcessing = true;
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        var intent = await scene.App.ScalarAsync<string>("select payment_intent_id from payment_attempts");
        (await scene.App.ScalarAsync<string>("select state from payment_attempts")).ShouldBe("processing");
        var invoice = (await scene.InvoicesAsync())[0];
        invoice.At("invoice.payment_status").ShouldBe("pending");
        (await scene.App.PostAsync($"/api/v1/invoices/{invoice.At("invoice.lago_id")}/retry_payment", "{}")).ShouldBe(405).At("code").ShouldBe("payment_processing");

        scene.Stripe.CompleteProcessing(intent, succeeds);
        await Eventually.TrueAsync("the webhooks are delivered", () => Task.FromResult(scene.Stripe.Webhooks.Waiting == 0));
        await scene.UntilPaymentAsync(status, MonthEnd);
        await scene.BalancesAsync();
    }

    [Fact]
    public async Task Only_what_stripe_signed_lately_is_taken()
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        const string Body = """{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}""";
        var now = TimeProvider.System.GetUtcNow();
        var secret = scene.Stripe.Webhooks.Secret;

        (await SendAsync(scene, Body, null)).ShouldBe(400);
        (await SendAsync(scene, Body, StripeWebhooks.Sign(Body, "whsec_other", now))).ShouldBe(400);
        (await SendAsync(scene, Body.Replace("pi_1", "pi_2", StringComparison.Ordinal), StripeWebhooks.Sign(Body, secret, now))).ShouldBe(400);
        (await SendAsync(scene, Body, StripeWebhooks.Sign(Body, secret, now.AddMinutes(-6)))).ShouldBe(400);
        foreach (var nonsense in new[] { "t=", "v1=", "t=x,v1=y", ",", "t=1", "=", "t=99999999999999999999,v1=a", "t=1,t=2,v1=a,v1=b", new string('t', 5000) })
            (await SendAsync(scene, Body, nonsense)).ShouldBe(400);
        (await scene.App.ScalarAsync<long>("select count(*) from stripe_events")).ShouldBe(0);

        for (var times = 0; times < 3; times++)
            (await SendAsync(scene, Body, StripeWebhooks.Sign(Body, secret, now))).ShouldBe(200);
        (await scene.App.ScalarAsync<long>("select count(*) from stripe_events")).ShouldBe(1);
        (await scene.App.ScalarAsync<long>("select count(*) from outbox")).ShouldBe(1);
        await scene.MoveClockAsync("2031-03-01T01:00:00Z");
        (await scene.App.ScalarAsync<long>("select count(*) from outbox where done_at is null")).ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"id":"evt_2","type":"customer.created","data":{"object":{"id":"cus_1"}}}""", 200)]
    [InlineData("""{"id":"evt_3","type":"some.new.kind","data":null}""", 200)]
    [InlineData("""{"id":"evt_4"}""", 400)]
    [InlineData("""[]""", 400)]
    [InlineData("""not json""", 400)]
    public async Task What_is_signed_is_kept_when_it_is_an_event_and_owes_nothing_when_its_kind_is_unknown(string body, int status)
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        (await SendAsync(scene, body, StripeWebhooks.Sign(body, scene.Stripe.Webhooks.Secret, TimeProvider.System.GetUtcNow()))).ShouldBe(status);
        (await scene.App.ScalarAsync<long>("select count(*) from stripe_events")).ShouldBe(status == 200 ? 1 : 0);
        (await scene.App.ScalarAsync<long>("select count(*) from outbox")).ShouldBe(0);
    }

    [Fact]
    public async Task A_body_over_the_bound_is_refused_before_it_is_read_whole()
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        var body = new string('x', 600_000);
        (await SendAsync(scene, body, StripeWebhooks.Sign(body, scene.Stripe.Webhooks.Secret, TimeProvider.System.GetUtcNow()))).ShouldBe(413);
    }

    private static async Task<int> SendAsync(MoneyScene scene, string body, string? signature)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/webhooks/stripe") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        // A refusal may come before the body was sent; the client shall wait for it instead of writing into a closed connection.
        request.Headers.ExpectContinue = true;
        if (signature is not null)
            request.Headers.TryAddWithoutValidation("Stripe-Signature", signature);
        using var answer = await scene.App.Anonymous.SendAsync(request);
        return (int)answer.StatusCode;
    }
}
