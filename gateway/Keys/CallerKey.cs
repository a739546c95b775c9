using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Keys;

/// <summary>An API key that was recognised: whose it is, what it may use, and the limits its calls touch.</summary>
internal sealed record CallerKey(SnapshotKey Key, SnapshotOrg Org, LimitPlan Plan);
