namespace Quota.Gateway;

/// <summary>Who this gateway is: an id kept in its spool folder, so that holds and events find their owner after a restart.</summary>
internal sealed record GatewayIdentity(string Instance);
