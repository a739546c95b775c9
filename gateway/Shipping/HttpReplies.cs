using System.Net;

namespace Quota.Gateway.Shipping;

/// <summary>What the failures of HTTP sinks mean.</summary>
internal static class HttpReplies
{
    private const int MostReason = 300;

    /// <summary>Null for a success. The body of another answer says why, as far as it is short.</summary>
    public static async Task<ShipReply?> FailureOf(HttpResponseMessage response, GatewayClock clock, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode)
            return null;
        var body = await response.Content.ReadAsStringAsync(cancellation);
        var reason = $"{(int)response.StatusCode} {(body.Length > MostReason ? body[..MostReason] : body).ReplaceLineEndings(" ")}".TrimEnd();
        return response.StatusCode switch
        {
            HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity => new ShipReply.Refused(reason),
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or (HttpStatusCode)425 or >= HttpStatusCode.InternalServerError => new ShipReply.Later(reason, AfterOf(response, clock)),
            _ => new ShipReply.Later(reason, AfterOf(response, clock), IsFault: true),   // a wrong address, key or proxy: no fault of the events
        };
    }

    private static TimeSpan? AfterOf(HttpResponseMessage response, GatewayClock clock) =>
        response.Headers.RetryAfter is not { } after ? null : after.Delta ?? after.Date - clock.RealNow;
}
