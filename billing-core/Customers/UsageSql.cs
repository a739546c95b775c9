using System.Text;
using System.Text.Json;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>
/// The words of <see cref="UsageQuery"/>: what an event <c>e</c> counts and which events count. Ours alone; all that a client wrote is a
/// parameter. To limit by another meter or selector, add it here and where Ingest writes the event's properties.
/// </summary>
internal static class UsageSql
{
    /// <summary>
    /// Every list that is not null must match. The gateway of the versions before kinds of endpoints were written down knew chat only; a currency
    /// was not written down either. Models are compared by case.
    /// </summary>
    public const string Selected = """
        (@currency::text is null or coalesce(e.properties ->> 'currency', @currency) = @currency)
            and (@models::text[] is null or e.properties ->> 'model' like any(@models))
            and (@providers::text[] is null or e.properties ->> 'provider' = any(@providers))
            and (@endpoints::text[] is null
                or coalesce(e.properties ->> 'endpoint', case coalesce(e.properties ->> 'route', '/v1/chat/completions') when '/v1/chat/completions' then 'chat' else 'other' end) = any(@endpoints))
            and (@environments::text[] is null or e.properties ->> 'environment' = any(@environments))
            and (@tags::jsonb is null or e.properties -> 'tags' @> @tags::jsonb)
        """;

    /// <summary>In the words of the partial index of migration 0047, which is used for no others.</summary>
    public const string IsCorrection = "e.properties ->> 'corrects' is not null";

    // The pattern is all that Ingest lets pass as a decimal; anything else would fail the cast, and with it the whole snapshot.
    private const string IsDecimal = @"~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$'";

    private const string Cost = $"case when e.properties ->> 'cost' {IsDecimal} then (e.properties ->> 'cost')::numeric else 0 end";

    /// <summary>An event names what the org pays only where that is not the vendor's cost.</summary>
    private const string Spend = $"case when e.properties ->> 'spend' {IsDecimal} then (e.properties ->> 'spend')::numeric else {Cost} end";

    /// <summary>
    /// The meter's sum in the counter's units. Money is summed exactly and floored once; what no counter can hold is the most that one can.
    /// Below 0 where corrections outweigh the rest: what they correct is then on the counter itself.
    /// </summary>
    public static string Measure(LimitTerms terms)
    {
        var each = terms.Meter switch
        {
            Meters.Requests => Number("requests"),
            Meters.InputTokens => Number("input_tokens"),
            Meters.OutputTokens => Number("output_tokens"),
            Meters.TotalTokens => $"{Number("input_tokens")} + {Number("output_tokens")}",
            Meters.Cost => Cost,
            Meters.Spend => Spend,
            var unit when Meters.Units.Contains(unit) => Number(unit),
            var other => throw new ArgumentOutOfRangeException(nameof(terms), other, "is not counted by events"),
        };
        var scale = terms.IsMoney ? NanoUnits.PerMajor(Currency.Parse(terms.Currency!)) : 1;
        return $"least(greatest(floor(sum({each}) * {scale}), {1 - NanoUnits.Ceiling}), {NanoUnits.Ceiling - 1})::bigint";
    }

    private static string Number(string property) => $"coalesce((e.properties ->> '{property}')::numeric, 0)";

    /// <summary>Where an event names its org (by column, so by nothing here), team, user or key.</summary>
    public static string NameOf(string nodeKind) => nodeKind == NodeKinds.Org ? "''" : $"e.properties ->> '{nodeKind}'";

    public static string[]? List(IReadOnlyList<string>? entries) => entries is { Count: > 0 } ? [.. entries] : null;

    public static string? Object(IReadOnlyDictionary<string, string>? entries) => entries is { Count: > 0 } ? JsonSerializer.Serialize(entries) : null;

    /// <summary>Globs as patterns for LIKE; null when there are none.</summary>
    public static string[]? Likes(IReadOnlyList<string>? globs) => globs is { Count: > 0 } ? [.. globs.Select(Like)] : null;

    /// <summary>
    /// A glob as the gateway reads it, by .NET's own matcher: <c>*</c>, <c>?</c>, and a backslash that makes the next character mean
    /// itself, a question mark excepted.
    /// </summary>
    public static string Like(string glob)
    {
        var like = new StringBuilder(glob.Length);
        for (var i = 0; i < glob.Length; i++)
        {
            var escaped = glob[i] == '\\' && i + 1 < glob.Length;
            var letter = escaped ? glob[++i] : glob[i];
            if (letter == '?' || (letter == '*' && !escaped))
                like.Append(letter == '?' ? '_' : '%');
            else
                like.Append(letter is '%' or '_' or '\\' ? "\\" : "").Append(letter);
        }
        return like.ToString();
    }
}
