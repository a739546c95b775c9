using System.Text.Json;
using Quota.Shared.ControlPlane;
using Quota.TestKit;

namespace Quota.Billing.Tests.Customers;

/// <summary>The control snapshot as a gateway pulls it.</summary>
internal static class Snapshots
{
    /// <summary>The first snapshot that is as it should be; fails after two seconds, in which every change must have reached the gateways.</summary>
    public static async Task<ControlSnapshot> SnapshotAsync(this BillingApp app, Func<ControlSnapshot, bool> condition, TimeSpan? within = null)
    {
        ControlSnapshot? found = null;
        await Eventually.TrueAsync("the snapshot shows the change", async () =>
        {
            var bytes = await app.Gateway.GetByteArrayAsync("/internal/v1/snapshot");
            found = JsonSerializer.Deserialize(bytes, SnapshotJson.Default.ControlSnapshot)!;
            return condition(found);
        }, within ?? TimeSpan.FromSeconds(2));
        return found!;
    }

    /// <summary>A limit of one org once it is as it should be.</summary>
    public static async Task<SnapshotLimit> LimitAsync(this BillingApp app, string org, string code, Func<SnapshotLimit, bool>? condition = null, TimeSpan? within = null)
    {
        var snapshot = await app.SnapshotAsync(one => Find(one) is { } limit && condition?.Invoke(limit) != false, within);
        return Find(snapshot)!;

        SnapshotLimit? Find(ControlSnapshot one) =>
            one.Orgs.FirstOrDefault(other => other.Code == org) is { } owner ? one.Limits.FirstOrDefault(limit => limit.OrgId == owner.Id && limit.Code == code) : null;
    }
}
