namespace Quota.Billing.Tests.Customers;

public sealed class CustomerTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task Lives_from_upsert_to_delete()
    {
        var made = (await _app.PostAsync("/api/v1/customers", new
        {
            customer = new
            {
                external_id = "acme",
                name = "Acme",
                email = "pay@acme.test",
                currency = "EUR",
                timezone = "Europe/Berlin",
                net_payment_term = 14,
                city = "Köln 🏛",
                billing_configuration = new { invoice_grace_period = 3, payment_provider = "stripe", provider_customer_id = "cus_1" },
            },
        })).ShouldBe(200);
        made.At("customer.external_id").ShouldBe("acme");
        made.At("customer.applicable_timezone").ShouldBe("Europe/Berlin");
        made.At("customer.city").ShouldBe("Köln 🏛");
        made.At("customer.billing_configuration.invoice_grace_period").ShouldBe("3");
        made.At("customer.billing_configuration.provider_customer_id").ShouldBe("cus_1");
        made.At("customer.slug").ShouldBe($"QTA-{made["customer.sequential_id"].GetInt64():000}");
        made.At("customer.created_at").ShouldNotBeNull().ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$");
        Guid.Parse(made.At("customer.lago_id")!).Version.ShouldBe(7);

        var changed = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme", name = "Acme GmbH" } })).ShouldBe(200);
        changed.At("customer.lago_id").ShouldBe(made.At("customer.lago_id"));
        changed.At("customer.name").ShouldBe("Acme GmbH");
        changed.At("customer.email").ShouldBe("pay@acme.test", "what is not sent stays");
        changed.At("customer.billing_configuration.invoice_grace_period").ShouldBe("3");

        var got = (await _app.GetAsync("/api/v1/customers/acme")).ShouldBe(200);
        got.Text.ShouldBe(changed.Text);
        (await _app.DeleteAsync("/api/v1/customers/acme")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/customers/acme")).ShouldBe(404).At("code").ShouldBe("customer_not_found");

        var again = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } })).ShouldBe(200);
        again.At("customer.lago_id").ShouldNotBe(made.At("customer.lago_id"), "an id is never used again");
        again.At("customer.currency").ShouldBe("USD");
    }

    [Fact]
    public async Task All_mistakes_come_at_once_and_nothing_is_written()
    {
        var answer = (await _app.PostAsync("/api/v1/customers", new
        {
            customer = new
            {
                name = 5,
                currency = "Euro",
                timezone = "Mars/Olympus",
                net_payment_term = -1,
                tax_codes = new[] { "vat" },
                billing_configuration = new { invoice_grace_period = "99999999999999999999", payment_provider = "gocardless" },
            },
        })).ShouldBe(422);
        answer.At("error").ShouldBe("Unprocessable Entity");
        answer.At("code").ShouldBe("validation_errors");
        answer["error_details"].EnumerateObject().Select(property => property.Name).Order().ShouldBe(
        [
            "billing_configuration.invoice_grace_period", "billing_configuration.payment_provider", "currency", "external_id", "name",
            "net_payment_term", "tax_codes", "timezone",
        ]);
        answer.At("error_details.external_id.0").ShouldBe("value_is_mandatory");
        (await _app.ScalarAsync<long>("select count(*) from customers where external_id = ''")).ShouldBe(0);
    }

    [Fact]
    public async Task Currency_stays_once_something_is_in_it()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "fixed" } });
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "fixed", currency = "JPY" } })).ShouldBe(200);
        (await _app.PostAsync("/api/v1/limits", new
        {
            limit = new { code = "m", scope = new { external_customer_id = "fixed" }, meter = "spend", amount = "100", window = new { kind = "month" } },
        })).ShouldBe(200);
        var refused = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "fixed", currency = "USD" } })).ShouldBe(422);
        refused.At("error_details.currency.0").ShouldBe("currencies_does_not_match");
    }

    [Fact]
    public async Task A_markup_reaches_the_gateways()
    {
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "marked" } })).ShouldBe(200).At("customer.markup").ShouldBe("1");
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "marked", markup = "1.250" } })).ShouldBe(200).At("customer.markup").ShouldBe("1.25");
        (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "marked", name = "M" } })).ShouldBe(200).At("customer.markup").ShouldBe("1.25", "what is not sent stays");
        (await _app.SnapshotAsync(one => one.Orgs.Any(org => org.Code == "marked"))).Orgs.Single(org => org.Code == "marked").Markup.ShouldBe(1.25m);
        foreach (var wrong in new[] { "0", "-1", "1000.5", "1.00001", "much" })
            (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "marked", markup = wrong } })).ShouldBe(422)["error_details"].EnumerateObject().Single().Name.ShouldBe("markup");
        (await _app.PostAsync("/api/v1/customers", """{"customer":{"external_id":"marked","markup":null}}""")).ShouldBe(200).At("customer.markup").ShouldBe("1");
    }

    [Fact]
    public async Task Lists_in_pages()
    {
        for (var i = 0; i < 3; i++)
            (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = $"page-{i}" } })).ShouldBe(200);
        var first = (await _app.GetAsync("/api/v1/customers?page=1&per_page=2")).ShouldBe(200);
        first["customers"].GetArrayLength().ShouldBe(2);
        first.At("meta.current_page").ShouldBe("1");
        first.At("meta.next_page").ShouldBe("2");
        first["meta.prev_page"].ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        first["meta.total_count"].GetInt32().ShouldBeGreaterThanOrEqualTo(3);
        (await _app.GetAsync("/api/v1/customers?page=99999999999999999999&per_page=-4")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/customers?page=999999&per_page=100")).ShouldBe(200)["customers"].GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task Two_requests_at_once_make_one_customer()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "race", name = $"n{i}" } })));
        answers.ShouldAllBe(answer => answer.Status == 200);
        answers.Select(answer => answer.At("customer.lago_id")).Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task Teams_and_users_live_below_their_customer()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "house" } });
        (await _app.PostAsync("/api/v1/customers/nobody/teams", new { team = new { external_id = "t" } })).ShouldBe(404).At("code").ShouldBe("customer_not_found");
        (await _app.PostAsync("/api/v1/customers/house/teams", new { team = new { } })).ShouldBe(422).At("error_details.external_id.0").ShouldBe("value_is_mandatory");
        (await _app.PostAsync("/api/v1/customers/house/teams", new { team = new { external_id = "research", name = "R" } })).ShouldBe(200)
            .At("team.external_customer_id").ShouldBe("house");
        (await _app.PostAsync("/api/v1/customers/house/users", new { user = new { external_id = "ada", external_team_id = "nowhere" } })).ShouldBe(422)
            .At("error_details.external_team_id.0").ShouldBe("team_not_found");
        (await _app.PostAsync("/api/v1/customers/house/users", new { user = new { external_id = "ada", external_team_id = "research", name = "Ada" } }))
            .ShouldBe(200).At("user.external_team_id").ShouldBe("research");
        var changed = (await _app.PutAsync("/api/v1/customers/house/users/ada", new { user = new { email = "ada@house.test" } })).ShouldBe(200);
        changed.At("user.name").ShouldBe("Ada");
        changed.At("user.external_team_id").ShouldBe("research");
        (await _app.PutAsync("/api/v1/customers/house/users/bob", new { user = new { } })).ShouldBe(404).At("code").ShouldBe("user_not_found");
        (await _app.PutAsync("/api/v1/customers/house/teams/research", new { team = new { external_id = "other" } })).ShouldBe(422);
        (await _app.GetAsync("/api/v1/customers/house/teams")).ShouldBe(200)["teams"].GetArrayLength().ShouldBe(1);
        (await _app.GetAsync("/api/v1/customers/house/users")).ShouldBe(200).At("users.0.external_id").ShouldBe("ada");
        (await _app.DeleteAsync("/api/v1/customers/house/teams/research")).ShouldBe(200);
        (await _app.GetAsync("/api/v1/customers/house/teams/research")).ShouldBe(404).At("code").ShouldBe("team_not_found");
        (await _app.GetAsync("/api/v1/customers/house/users/ada")).ShouldBe(200).At("user.external_team_id").ShouldBeNull();
        (await _app.DeleteAsync("/api/v1/customers/house/users/ada")).ShouldBe(200);
        (await _app.DeleteAsync("/api/v1/customers/house/users/ada")).ShouldBe(404);
    }

    [Fact]
    public async Task Posting_again_leaves_what_is_not_named()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "twice" } });
        await _app.PostAsync("/api/v1/customers/twice/teams", new { team = new { external_id = "red", name = "Red" } });
        await _app.PostAsync("/api/v1/customers/twice/users", new { user = new { external_id = "ada", external_team_id = "red", name = "Ada" } });

        (await _app.PostAsync("/api/v1/customers/twice/teams", new { team = new { external_id = "red" } })).ShouldBe(200).At("team.name").ShouldBe("Red");
        (await _app.PutAsync("/api/v1/customers/twice/teams/red", new { team = new { } })).ShouldBe(200).At("team.name").ShouldBe("Red");
        var again = (await _app.PostAsync("/api/v1/customers/twice/users", new { user = new { external_id = "ada", email = "ada@twice.test" } })).ShouldBe(200);
        again.At("user.external_team_id").ShouldBe("red");
        again.At("user.name").ShouldBe("Ada");
        again.At("user.email").ShouldBe("ada@twice.test");
        (await _app.PostAsync("/api/v1/customers/twice/users", new { user = new { external_id = "ada", external_team_id = (string?)null } })).ShouldBe(200)
            .At("user.external_team_id").ShouldBeNull("named, so it changes");
    }
}
