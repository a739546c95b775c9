using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>Asks the core for its word on an org's counters.</summary>
internal sealed class CoreEpochs(IHttpClientFactory clients, GatewayIdentity identity) : IEpochOrders
{
    public async Task<EpochOrder?> AskAsync(string orgId, bool lost, long? again)
    {
        try
        {
            using var http = clients.CreateClient(nameof(CoreEpochs));
            using var response = await http.PostAsJsonAsync("internal/v1/epochs", new EpochQuestion(identity.Instance, orgId, lost, again), EpochJson.Default.EpochQuestion);
            if (response.StatusCode is HttpStatusCode.NotFound)
                return null;
            response.EnsureSuccessStatusCode();
            return await response.Content.ReadFromJsonAsync(EpochJson.Default.EpochOrder);
        }
        catch (Exception problem) when (problem is HttpRequestException or OperationCanceledException or JsonException)
        {
            throw new StoreClosedException($"the core has to say how it stands with the counters, and does not answer ({problem.Message})");
        }
    }

    public async Task OpenedAsync(EpochOrder order)
    {
        try
        {
            using var http = clients.CreateClient(nameof(CoreEpochs));
            using var response = await http.PostAsJsonAsync("internal/v1/epochs/opened", new EpochOpened(order.OrgId, order.Generation), EpochJson.Default.EpochOpened);
        }
        catch (Exception problem) when (problem is HttpRequestException or OperationCanceledException)
        {
            // The snapshot goes on naming it, and it is said again.
        }
    }
}
