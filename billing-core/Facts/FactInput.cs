using Quota.Billing.Http;
using Quota.Billing.Ingest;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Facts;

/// <summary>
/// Reads what a gateway tells, field by field, so that a refusal names the fact and the field. Not looked up: org, node and limit may be
/// gone by the time a fact arrives, and it is kept all the same.
/// </summary>
internal static class FactInput
{
    private static readonly string[] Kinds = [LimitFact.Threshold, LimitFact.Over, LimitFact.Reaped];

    /// <summary>Mistakes go to the input's validation; look there before using what was read.</summary>
    public static FactReport Read(Input input) =>
        new(GatewayInstances.NameIn(input), [.. input.Objects("facts", FactReport.MostFacts).Select(ReadFact)]);

    /// <summary>The kinds, or only the one that a list asks for; a mistake when it is none.</summary>
    public static bool IsKind(string kind, out string problem)
    {
        problem = $"'{kind}' is not a kind of fact; use {string.Join(", ", Kinds)}";
        return Kinds.Contains(kind);
    }

    private static LimitFact ReadFact(Input fact)
    {
        var kind = fact.RequiredText("kind");
        if (kind.Length > 0 && !IsKind(kind, out var problem))
            fact.Refuse("kind", problem);
        return new LimitFact
        {
            Id = ReadHex(fact, "id", fact.RequiredText("id")) ?? "",
            Kind = kind,
            At = fact.RequiredTime("at"),
            Org = fact.RequiredText("org"),
            OrgId = ReadHex(fact, "org_id", fact.RequiredText("org_id")) ?? "",
            NodeId = ReadHex(fact, "node_id", fact.Text("node_id")),
            Limit = fact.Text("limit"),
            Share = ReadShare(fact),
            Counter = ReadHex(fact, "counter", fact.Text("counter")),
            WindowStart = fact.Time("window_start"),
            Used = fact.Whole("used", 0, long.MaxValue),
            RequestId = ReadRequest(fact),
        };
    }

    private static string? ReadHex(Input fact, string name, string? text)
    {
        if (text is { Length: > 0 } && !(text.Length == CounterName.Length && text.All(char.IsAsciiHexDigitLower)))
            fact.Refuse(name, $"'{text}' is not {CounterName.Length} lower-case hex digits");
        return text;
    }

    private static decimal? ReadShare(Input fact)
    {
        var share = fact.Decimal("share");
        if (share is <= 0 or > 1)
            fact.Refuse("share", $"{share} must be more than 0 and at most 1");
        return share;
    }

    private static Guid? ReadRequest(Input fact)
    {
        if (fact.Text("request_id") is not { } text)
            return null;
        if (Guid.TryParse(text, out var id))
            return id;
        fact.Refuse("request_id", $"'{text}' is not a UUID");
        return null;
    }
}
