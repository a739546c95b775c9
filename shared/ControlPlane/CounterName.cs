using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// Names a counter by what it counts: node, meter, selector, window and its anchor, the window's start, currency. A limit's code, amount,
/// mode and thresholds are not in it, so editing them moves no usage, and limits that count the same share one counter. A rate's
/// counter has the limit's code in it instead of a start: it drains at that limit's own speed.
/// </summary>
public static class CounterName
{
    /// <summary>Hex digits of a counter id.</summary>
    public const int Length = 32;

    /// <summary>What the counter counts, whatever the window's start; equal text, equal counter.</summary>
    /// <param name="nodeId">Internal id of the org, team, user or key.</param>
    /// <param name="zone">Id of the zone in force: the window's own, else the org's.</param>
    /// <param name="code">The limit's code, or that of the default it overrides.</param>
    /// <param name="below">
    /// Id of the team or user below which the limit is a default, or overrides one: only calls below it count, so a user of two teams has
    /// a counter in each. Null for the node's own limits and for defaults of the whole org.
    /// </param>
    public static string Identity(string nodeId, LimitTerms terms, string zone, string code, string? below = null)
    {
        var window = terms.Window;
        return JsonSerializer.Serialize<string?[]>(
            [nodeId, terms.Meter, terms.IsMoney ? terms.Currency : null, terms.Selector is { IsEmpty: false } selector ? selector.Canonical() : null,
                window.Kind, .. window.IsRate ? [window.Every, code] : window.IsCalendar ? new[] { zone, window.Anchor } : [], .. below is null ? [] : new[] { "below", below }],
            CounterNameJson.Default.StringArray);
    }

    /// <summary>The id of the counter of one window: 128 bits as lower-case hex.</summary>
    public static string Of(string identity, long windowStartMs) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{identity}{windowStartMs}")).AsSpan(0, Length / 2));
}

[JsonSerializable(typeof(string[]))]
internal sealed partial class CounterNameJson : JsonSerializerContext;
