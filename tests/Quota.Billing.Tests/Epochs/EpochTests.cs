using System.Text.Json;
using Quota.Billing.Tests.Customers;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Tests.Epochs;

/// <summary>When an org's counters are gathered anew, and by whom: one gathering at a time, by every gateway that may have counted.</summary>
public sealed class EpochTests : IAsyncLifetime
{
    private BillingApp _app = null!;
    private string _org = "";

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync();
        var customer = (await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "acme" } })).ShouldBe(200);
        _org = Guid.Parse(customer.At("customer.lago_id")!).ToString("N");
        foreach (var gateway in new[] { "gw-a", "gw-b" })
            await PollAsync(gateway);
    }

    [Fact]
    public async Task The_first_gateway_of_a_new_org_begins_with_nothing_and_no_other()
    {
        var first = await AskAsync("gw-a");
        first.State.ShouldBe(EpochOrder.Fresh);
        first.Epoch.Length.ShouldBe(16);
        var second = await AskAsync("gw-b");
        second.State.ShouldBe(EpochOrder.Open);
        (await AskAsync("gw-a")).State.ShouldBe(EpochOrder.Open, "its answer may have been lost, and somebody else may have counted since");
    }

    [Fact]
    public async Task Asked_by_all_at_once_one_is_the_first_and_one_gathering_begins()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => AskAsync($"gw-{i}")));
        answers.Count(order => order.State == EpochOrder.Fresh).ShouldBe(1);
        var gatherings = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => AskAsync($"gw-{i}", lost: true)));
        gatherings.ShouldAllBe(order => order.State == EpochOrder.Gathering && order.Generation == 2 && order.Epoch == gatherings[0].Epoch);
        gatherings[0].Participants.ShouldBe(["gw-0", "gw-1", "gw-2", "gw-3", "gw-4", "gw-5", "gw-6", "gw-7", "gw-a", "gw-b"], "who polled the snapshot may have counted, too");
    }

    [Fact]
    public async Task The_snapshot_names_it_until_it_is_done()
    {
        await AskAsync("gw-a");
        var order = await AskAsync("gw-b", lost: true);
        await _app.SnapshotAsync(snapshot => snapshot.Orgs.Single().Gathering == order.Epoch);
        await OpenedAsync(order with { Generation = order.Generation - 1 });   // late, of the one before
        (await AskAsync("gw-a")).State.ShouldBe(EpochOrder.Gathering);
        await OpenedAsync(order);
        await OpenedAsync(order);
        await _app.SnapshotAsync(snapshot => snapshot.Orgs.Single().Gathering is null);
        var after = await AskAsync("gw-a");
        (after.State, after.Generation, after.Epoch).ShouldBe((EpochOrder.Open, order.Generation, order.Epoch));
    }

    [Fact]
    public async Task One_that_cannot_be_finished_begins_again_once()
    {
        await AskAsync("gw-a");
        var order = await AskAsync("gw-a", lost: true);
        var again = await AskAsync("gw-a", lost: true, again: order.Generation);
        again.Generation.ShouldBe(order.Generation + 1);
        again.Epoch.ShouldNotBe(order.Epoch);
        (await AskAsync("gw-b", lost: true, again: order.Generation)).Epoch.ShouldBe(again.Epoch, "the other found the same");
    }

    [Fact]
    public async Task Orgs_of_before_are_never_fresh()
    {
        await _app.ScalarAsync<long>($"with it as (insert into epochs (customer_id, generation, epoch, state, since) select id, 0, '', 'open', now() from customers returning 1) select count(*) from it");
        (await AskAsync("gw-a")).State.ShouldBe(EpochOrder.Open);
    }

    [Theory]
    [InlineData("""{"org_id":"x"}""", "instance", "org_id")]
    [InlineData("""{"instance":"gw-a","org_id":"0123","lost":"maybe","again":-1}""", "org_id", "lost", "again")]
    public async Task Mistakes_are_all_named(string body, params string[] fields)
    {
        var answer = (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs", JsonElement.Parse(body))).ShouldBe(422);
        answer["error_details"].EnumerateObject().Select(field => field.Name).ShouldBe(fields, ignoreOrder: true);
    }

    [Fact]
    public async Task An_unknown_org_is_404() =>
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs", new { instance = "gw-a", org_id = new string('0', 32) })).ShouldBe(404);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<EpochOrder> AskAsync(string instance, bool lost = false, long? again = null) =>
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs", new { instance, org_id = _org, lost, again })).ShouldBe(200).Json.Deserialize(EpochJson.Default.EpochOrder)!;

    private async Task OpenedAsync(EpochOrder order) =>
        (await _app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/epochs/opened", new { org_id = order.OrgId, generation = order.Generation })).ShouldBe(204);

    private async Task PollAsync(string gateway)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/internal/v1/snapshot");
        request.Headers.Add(ControlSnapshot.Gateway, gateway);
        using var answer = await _app.Gateway.SendAsync(request);
        ((int)answer.StatusCode).ShouldBe(200);
    }
}
