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
    public sealed record LimitReached(LimitStanding Standing, DateTimeOffset At) : Refusal
    {
        /// <summary>The status that the upstream's owner wants for a budget, instead of the provider's own.</summary>
        public int? BudgetStatus { get; init; }

        /// <summary>How long to wait before the next try, whole seconds; null for a budget.</summary>
        public int? WaitSeconds => Standing.Limit.Terms.Window switch
        {
            { IsNone: true } => 1,
            { IsRate: true } => (int)Math.Clamp(Math.Ceiling((DateTimeOffset.FromUnixTimeMilliseconds(Standing.ResetsAtMs ?? 0) - At).TotalSeconds), 1, 86_400),
            _ => null,
        };

        /// <summary>What has happened, for a person.</summary>
        public string What
        {
            get
            {
                var limit = Standing.Limit;
                if (limit.Terms.Window.IsNone)
                    return $"Limit '{limit.Code}' of {limit.Scope} reached: {limit.Amount} requests at once.";
                if (limit.Terms.Window.IsRate)
                    return $"Rate limit '{limit.Code}' of {limit.Scope} reached: {limit.Shown(limit.Amount)} {limit.Terms.Meter} per {limit.Terms.Window.Every}.";
                var anew = Standing.ResetsAtMs is { } at ? $" It starts anew at {DateTimeOffset.FromUnixTimeMilliseconds(at):yyyy-MM-ddTHH:mm:ssZ}." : " It never starts anew.";
                return $"The budget '{limit.Code}' of {limit.Scope} is used up: {limit.Shown(Standing.Remaining)} of {limit.Shown(limit.MostAtOnce)} left, this call may need {limit.Shown(Standing.Requested)}.{anew}";
            }
        }
    }

    /// <summary>It asks more than the whole limit.</summary>
    public sealed record NeverFits(LimitStanding Standing) : Refusal
    {
        /// <summary>What has happened, for a person.</summary>
        public string What => $"This call may need {Standing.Limit.Shown(Standing.Requested)}, more than the whole limit '{Standing.Limit.Code}' of {Standing.Limit.Scope} ({Standing.Limit.Shown(Standing.Limit.MostAtOnce)}). "
            + (Standing.FitsOutputTokens is > 0 and { } fits ? $"With this input, at most {fits} output tokens fit." : "It cannot fit with this input.");
    }

    /// <summary>A part of the gateway cannot do its work now, and policy says closed.</summary>
    public sealed record Unavailable(string Part, string Message, int RetryAfterSeconds) : Refusal;

    public sealed record UpstreamUnreachable : Refusal;

    public sealed record UpstreamSilent : Refusal;
}

/// <summary>A refusal as bytes. <paramref name="ShouldRetry"/> goes out as <c>x-should-retry</c> when it is known.</summary>
internal sealed record RefusalAnswer(int Status, byte[] Body, int? RetryAfterSeconds = null, bool? ShouldRetry = null)
{
    /// <summary>A header beside <c>x-request-id</c> in which this provider's clients look for the request's id.</summary>
    public string? IdHeader { get; init; }

    /// <summary>Further headers that this provider's clients read of a refusal.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];
}
