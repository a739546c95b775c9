using Quota.Gateway.Limits;

namespace Quota.Gateway.Providers;

/// <summary>Why a call is not answered by an upstream. Each provider's adapter says it in its own words.</summary>
internal abstract record Refusal
{
    private Refusal()
    {
    }

    /// <summary>No key, or none that works now.</summary>
    public sealed record BadKey : Refusal;

    public sealed record ModelNotAllowed(string Model) : Refusal;

    /// <summary>No upstream serves this model.</summary>
    public sealed record UnknownModel(string Model) : Refusal;

    public sealed record UnknownRoute(string Method, string Path) : Refusal;

    /// <summary>The request is wrong: <paramref name="Parameter"/> names the field when there is one.</summary>
    public sealed record BadRequest(string? Parameter, string Message) : Refusal;

    public sealed record BodyTooLarge(long MaxBytes) : Refusal;

    /// <summary>A limit has no room now. A rate or a place among those that run at once is worth waiting for; a budget is not.</summary>
    public sealed record LimitReached(LimitStanding Standing, DateTimeOffset At) : Refusal;

    /// <summary>It asks more than the whole limit.</summary>
    public sealed record NeverFits(LimitStanding Standing) : Refusal;

    /// <summary>A part of the gateway cannot do its work now, and policy says closed.</summary>
    public sealed record Unavailable(string Part, string Message, int RetryAfterSeconds) : Refusal;

    public sealed record UpstreamUnreachable : Refusal;

    public sealed record UpstreamSilent : Refusal;
}

/// <summary>A refusal as bytes. <paramref name="ShouldRetry"/> goes out as <c>x-should-retry</c> when it is known.</summary>
internal sealed record RefusalAnswer(int Status, byte[] Body, int? RetryAfterSeconds = null, bool? ShouldRetry = null);
