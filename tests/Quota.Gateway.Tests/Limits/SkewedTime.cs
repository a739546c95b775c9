namespace Quota.Gateway.Tests.Limits;

/// <summary>A clock that is off by a constant.</summary>
internal sealed class SkewedTime(TimeSpan by) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
}
