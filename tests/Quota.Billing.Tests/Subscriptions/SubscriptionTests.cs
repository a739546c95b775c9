using Quota.Billing.Tests.Invoicing;

namespace Quota.Billing.Tests.Subscriptions;

public sealed class SubscriptionTests
{
    [Fact]
    public async Task A_subscription_starts_is_asked_again_and_ends()
    {
        await using var scene = await MoneyScene.StartAsync();
        var made = await scene.SubscribeAsync();
        made.At("subscription.status").ShouldBe("active");
        made.At("subscription.current_billing_period_started_at").ShouldStartWith("2031-03-01T00:00:00");
        made.At("subscription.current_billing_period_ending_at").ShouldBe("2031-03-31T23:59:59.999Z");

        // The same again is the same one; with a name it is renamed; another plan or customer is refused.
        (await scene.SubscribeAsync()).At("subscription.lago_id").ShouldBe(made.At("subscription.lago_id"));
        (await Post(scene, MoneyScene.Customer, MoneyScene.Plan, name: "Main")).ShouldBe(200).At("subscription.name").ShouldBe("Main");
        (await scene.App.PostAsync("/api/v1/plans", new { plan = new { name = "Other", code = "other", interval = "monthly", amount_cents = 1, amount_currency = "USD" } })).ShouldBe(200);
        (await Post(scene, MoneyScene.Customer, "other")).ShouldBe(422).At("error_details.plan_code.0")!.ShouldContain("not supported yet");
        (await scene.App.PostAsync("/api/v1/customers", new { customer = new { external_id = "beta", currency = "USD" } })).ShouldBe(200);
        (await Post(scene, "beta", MoneyScene.Plan)).ShouldBe(422).At("error_details.external_id.0").ShouldBe("value_already_exist");

        (await scene.App.GetAsync("/api/v1/subscriptions?external_customer_id=acme")).ShouldBe(200)["subscriptions"].GetArrayLength().ShouldBe(1);
        (await scene.App.DeleteAsync("/api/v1/plans/" + MoneyScene.Plan)).ShouldBe(405);
        (await scene.App.DeleteAsync("/api/v1/subscriptions/" + MoneyScene.Subscription)).ShouldBe(200).At("subscription.status").ShouldBe("terminated");
        (await scene.App.DeleteAsync("/api/v1/subscriptions/" + MoneyScene.Subscription)).ShouldBe(404);
        (await scene.App.GetAsync("/api/v1/subscriptions?external_customer_id=acme")).ShouldBe(200)["subscriptions"].GetArrayLength().ShouldBe(0);
        (await scene.App.GetAsync("/api/v1/subscriptions?external_customer_id=acme&status[]=terminated")).ShouldBe(200)["subscriptions"].GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task What_is_wrong_is_named()
    {
        await using var scene = await MoneyScene.StartAsync();
        var answer = (await scene.App.PostAsync("/api/v1/subscriptions", new
        {
            subscription = new { billing_time = "weekly", subscription_at = "tomorrow", ending_at = "2032-01-01", plan_overrides = new { amount_cents = 1 } },
        })).ShouldBe(422);
        foreach (var field in new[] { "external_customer_id", "plan_code", "billing_time", "subscription_at", "ending_at", "plan_overrides" })
            answer["error_details"].TryGetProperty(field, out _).ShouldBeTrue($"{field} in {answer.Text}");
        (await Post(scene, "nobody", MoneyScene.Plan)).ShouldBe(404).At("code").ShouldBe("customer_not_found");
        (await Post(scene, MoneyScene.Customer, "nothing")).ShouldBe(404).At("code").ShouldBe("plan_not_found");
        (await scene.App.PostAsync("/api/v1/subscriptions", new { subscription = new { external_customer_id = "acme", plan_code = "scale", subscription_at = "1999-01-01" } }))
            .ShouldBe(422).At("error_details.subscription_at.0").ShouldBe("value_is_out_of_range");
        (await scene.App.PostAsync("/api/v1/plans", new { plan = new { name = "Euro", code = "euro", interval = "monthly", amount_cents = 1, amount_currency = "EUR" } })).ShouldBe(200);
        (await Post(scene, MoneyScene.Customer, "euro")).ShouldBe(422).At("error_details.currency.0").ShouldBe("currencies_does_not_match");
    }

    [Fact]
    public async Task A_pending_one_starts_when_its_time_comes_and_may_be_canceled_before()
    {
        await using var scene = await MoneyScene.StartAsync();
        (await scene.SubscribeAsync("later", billingTime: "anniversary", at: "2031-03-31T10:00:00Z")).At("subscription.status").ShouldBe("pending");
        (await scene.SubscribeAsync("never", at: "2031-03-20T00:00:00Z")).At("subscription.status").ShouldBe("pending");
        (await scene.App.DeleteAsync("/api/v1/subscriptions/never")).ShouldBe(200).At("subscription.status").ShouldBe("canceled");
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");
        var started = (await scene.App.GetAsync("/api/v1/subscriptions/later")).ShouldBe(200);
        started.At("subscription.status").ShouldBe("active");
        started.At("subscription.started_at").ShouldBe("2031-03-31T10:00:00.000Z");
        started.At("subscription.current_billing_period_ending_at").ShouldBe("2031-04-29T23:59:59.999Z");
        await scene.MoveClockAsync("2031-04-30T00:00:00Z");
        (await scene.InvoicesAsync()).ShouldHaveSingleItem().At("invoice.total_amount_cents").ShouldBe("10000");
    }

    [Fact]
    public async Task Current_usage_is_what_the_invoice_will_say()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.UseAsync("2031-03-01T01:00:00Z", 1001);
        var path = $"/api/v1/customers/{MoneyScene.Customer}/current_usage";
        var usage = (await scene.App.GetAsync($"{path}?external_subscription_id={MoneyScene.Subscription}")).ShouldBe(200);
        usage.At("customer_usage.from_datetime").ShouldStartWith("2031-03-01T00:00:00");
        usage.At("customer_usage.amount_cents").ShouldBe("201");
        usage.At("customer_usage.charges_usage.1.units").ShouldBe("1001");
        usage.At("customer_usage.charges_usage.1.events_count").ShouldBe("1");
        usage.At("customer_usage.charges_usage.1.amount_cents").ShouldBe("200");
        usage.At("customer_usage.charges_usage.1.billable_metric.code").ShouldBe("tokens");
        usage.At("customer_usage.charges_usage.1.charge.charge_model").ShouldBe("graduated");

        (await scene.App.GetAsync(path)).ShouldBe(422).At("error_details.external_subscription_id.0").ShouldBe("value_is_mandatory");
        (await scene.App.GetAsync($"{path}?external_subscription_id=nothing")).ShouldBe(404).At("code").ShouldBe("subscription_not_found");
        (await scene.App.GetAsync($"/api/v1/customers/nobody/current_usage?external_subscription_id={MoneyScene.Subscription}")).ShouldBe(404).At("code").ShouldBe("customer_not_found");
        // another customer never sees it
        (await scene.App.PostAsync("/api/v1/customers", new { customer = new { external_id = "beta", currency = "USD" } })).ShouldBe(200);
        (await scene.App.GetAsync($"/api/v1/customers/beta/current_usage?external_subscription_id={MoneyScene.Subscription}")).ShouldBe(404);
    }

    [Fact]
    public async Task A_deleted_customers_subscriptions_end_and_a_namesake_sees_nothing_of_them()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.SubscribeAsync("later", at: "2031-05-01T00:00:00Z");
        var key = (await scene.App.PostAsync("/api/v1/api_keys", new { api_key = new { external_customer_id = MoneyScene.Customer } })).ShouldBe(200).At("api_key.id");
        await scene.MoveClockAsync("2031-03-10T12:00:00Z");
        (await scene.App.DeleteAsync("/api/v1/customers/" + MoneyScene.Customer)).ShouldBe(200).At("customer.external_id").ShouldBe(MoneyScene.Customer);
        (await scene.App.GetAsync("/api/v1/subscriptions/" + MoneyScene.Subscription)).ShouldBe(200).At("subscription.status").ShouldBe("terminated");
        (await scene.App.GetAsync("/api/v1/subscriptions/later")).ShouldBe(200).At("subscription.status").ShouldBe("canceled");
        await scene.MoveClockAsync("2031-06-01T00:00:00Z");
        var invoices = (await scene.App.GetAsync("/api/v1/invoices")).ShouldBe(200);
        invoices["invoices"].GetArrayLength().ShouldBe(1);
        // 10 of 31 days
        invoices.At("invoices.0.total_amount_cents").ShouldBe("3226");

        (await scene.App.PostAsync("/api/v1/customers", new { customer = new { external_id = MoneyScene.Customer, currency = "USD" } })).ShouldBe(200);
        foreach (var (path, name) in new[]
                 {
                     ("invoices?", "invoices"), ("ledger/entries?", "entries"), ("api_keys?", "api_keys"), ("subscriptions?status[]=terminated&", "subscriptions"),
                 })
        {
            (await scene.App.GetAsync($"/api/v1/{path}")).ShouldBe(200)[name].GetArrayLength().ShouldBe(1, path);
            var own = (await scene.App.GetAsync($"/api/v1/{path}external_customer_id={MoneyScene.Customer}")).ShouldBe(200);
            own[name].GetArrayLength().ShouldBe(0, path);
            own.At("meta.total_count").ShouldBe("0", path);
        }
        (await scene.App.GetAsync($"/api/v1/customers/{MoneyScene.Customer}/current_usage?external_subscription_id={MoneyScene.Subscription}")).ShouldBe(404)
            .At("code").ShouldBe("subscription_not_found");
        (await scene.App.PostAsync("/api/v1/limits", new
        {
            limit = new { code = "k", scope = new { external_customer_id = MoneyScene.Customer, api_key_id = key }, meter = "requests", amount = "1", window = new { kind = "month" } },
        })).ShouldBe(422).Text.ShouldContain("api_key_not_found");
    }

    [Fact]
    public async Task Subscriptions_of_one_external_id_never_overlap()
    {
        await using var scene = await MoneyScene.StartAsync();
        (await Post(scene, MoneyScene.Customer, MoneyScene.Plan)).ShouldBe(200);
        var ended = (await scene.App.DeleteAsync("/api/v1/subscriptions/" + MoneyScene.Subscription)).ShouldBe(200).At("subscription.terminated_at");
        (await scene.App.PostAsync("/api/v1/customers", new { customer = new { external_id = "beta", currency = "USD" } })).ShouldBe(200);
        var backdated = new { subscription = new { external_customer_id = "beta", plan_code = MoneyScene.Plan, external_id = MoneyScene.Subscription, subscription_at = "2031-03-01" } };
        (await scene.App.PostAsync("/api/v1/subscriptions", backdated)).ShouldBe(422).At("error_details.subscription_at.0")!.ShouldContain(ended!);

        // Within the same second: it starts where the other ended, not at the second's beginning.
        (await Post(scene, "beta", MoneyScene.Plan)).ShouldBe(200).At("subscription.status").ShouldBe("active");
        (await scene.App.ScalarAsync<bool>("select bool_and(b.started_at >= a.terminated_at) from subscriptions a, subscriptions b where a.status = 'terminated' and b.status = 'active'"))
            .ShouldBeTrue();
        // Again, with whatever start, it is the same one.
        (await scene.App.PostAsync("/api/v1/subscriptions", backdated)).ShouldBe(200).At("subscription.status").ShouldBe("active");
    }

    private static Task<JsonAnswer> Post(MoneyScene scene, string customer, string plan, string? name = null) =>
        scene.App.PostAsync("/api/v1/subscriptions", name is null
            ? new { subscription = new { external_customer_id = customer, plan_code = plan, external_id = MoneyScene.Subscription } }
            : (object)new { subscription = new { external_customer_id = customer, plan_code = plan, external_id = MoneyScene.Subscription, name } });
}
