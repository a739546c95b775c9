using System.Globalization;
using System.Text.Json;

namespace Quota.EndToEnd.Tests.Races;

internal enum RaceOutcome
{
    /// <summary>The client has read the whole answer.</summary>
    Served,

    /// <summary>The upstream failed, and the client was told.</summary>
    Failed,

    /// <summary>The answer broke off.</summary>
    Broken,

    /// <summary>The client broke it off.</summary>
    Aborted,

    /// <summary>A limit refused it.</summary>
    Refused,

    /// <summary>The gateway could not decide: 503.</summary>
    Unavailable,

    /// <summary>Nobody there.</summary>
    Unreachable,

    /// <summary>It did not end, though nothing that was done to the servers lasts that long.</summary>
    Stuck,
}

/// <summary>One call as its client saw it.</summary>
/// <param name="Reason">Why the gateway could not decide.</param>
internal sealed record RaceCall(RaceKey Key, RaceOutcome Outcome, string? RequestId, RaceRefusal? Refusal, string? Reason = null);

/// <summary>What a refusal says of the limit; used and held are null where only the call was too large.</summary>
internal sealed record RaceRefusal(string Code, string Limit, decimal Amount, decimal? Used, decimal? Held, decimal Requested)
{
    /// <summary>Null when the answer is not a limit's.</summary>
    public static RaceRefusal? Read(string body)
    {
        if (!body.StartsWith('{') || !JsonElement.Parse(body).TryGetProperty("quota", out var quota))
            return null;
        decimal? Number(string field) => quota.TryGetProperty(field, out var value) ? decimal.Parse(value.GetString()!, CultureInfo.InvariantCulture) : null;
        return new RaceRefusal(JsonElement.Parse(body).GetProperty("error").GetProperty("code").GetString()!, quota.GetProperty("limit").GetString()!,
            Number("amount")!.Value, Number("used"), Number("held"), Number("requested")!.Value);
    }

    /// <summary>Whether the limit really had no room for it.</summary>
    public bool IsTrue => (Used ?? 0) + (Held ?? 0) + Requested > Amount;
}
