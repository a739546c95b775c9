using System.Text.Json;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Providers;

/// <summary>The <c>quota</c> object that every refusal of a limit carries, whatever the provider's shape around it: which limit, how full, what would fit.</summary>
internal static class QuotaObject
{
    public static Action<Utf8JsonWriter> Of(LimitStanding standing) => json =>
    {
        var limit = standing.Limit;
        json.WriteStartObject("quota");
        json.WriteString("limit", limit.Code);
        json.WriteString("scope", limit.Scope);
        json.WriteString("meter", limit.Terms.Meter);
        json.WriteString("mode", limit.Terms.Mode);
        json.WriteString("window", limit.Terms.Window.IsNone ? null : limit.Terms.Window.ToString());
        json.WriteString("amount", limit.Show(limit.MostAtOnce));
        if (limit.Terms.IsMoney)
            json.WriteString("currency", limit.Terms.Currency);
        if (standing.IsCounted)
        {
            json.WriteString("used", limit.Show(standing.Used));
            json.WriteString("held", limit.Show(standing.Held));
            json.WriteString("remaining", limit.Show(standing.Remaining));
            json.WriteString("resets_at", standing.ResetsAtMs is { } resets ? DateTimeOffset.FromUnixTimeMilliseconds(resets).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) : null);
        }
        json.WriteString("requested", standing.Requested is { } requested ? limit.Show(requested) : null);
        if (standing.FitsOutputTokens is { } tokens)
        {
            json.WriteStartObject("fits");
            json.WriteNumber("output_tokens", tokens);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    };
}
