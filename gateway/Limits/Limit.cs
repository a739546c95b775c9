using System.Text;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>One limit on one node: an amount on a counter, and what happens above it.</summary>
internal sealed class Limit
{
    /// <param name="scope">The node, for people: <c>acme/research/ada</c>.</param>
    public Limit(string code, string scope, LimitTerms terms)
    {
        (Code, Scope, Terms) = (code, scope, terms);
        Amount = Units(terms.Amount);
        MostAtOnce = terms.Window is { IsRate: true, Burst: { } burst } ? Units(burst) : Amount;
    }

    public string Code { get; }

    public string Scope { get; }

    public LimitTerms Terms { get; }

    /// <summary>The amount in the counter's units: nano-units or whole things.</summary>
    public long Amount { get; }

    /// <summary>The most that used + held may be: the amount, or a rate's burst.</summary>
    public long MostAtOnce { get; }

    /// <summary>The code as a structured-field string (RFC 9651): printable ASCII, quotes and backslashes escaped.</summary>
    public string QuotedCode => field ??= "\"" + string.Concat(Code.Select(c => c is < ' ' or > '~' ? "?" : c is '"' or '\\' ? "\\" + c : c.ToString())) + "\"";

    public bool IsHard => Terms.Mode == LimitTerms.Hard;

    /// <summary>A number of the counter's units for people: money as decimal text in major units, anything else whole.</summary>
    public string Show(long units) => Terms.IsMoney ? NanoUnits.ToText(units, Currency.Parse(Terms.Currency!)) : units.ToString(CultureInfo.InvariantCulture);

    /// <summary>An amount for a person, with its currency where it is money; null: none that any counter could hold.</summary>
    public string Shown(long? amount) => amount is not { } units ? "more than can be counted" : Terms.IsMoney ? $"{Show(units)} {Terms.Currency}" : Show(units);

    /// <summary>
    /// The thresholds as the scripts take them: <c>token=level</c>. The token names node, limit (its code in hex, so that no text of a
    /// user reaches a script) and share; a threshold is told once per token and counter.
    /// </summary>
    public IEnumerable<string> Levels(string nodeId) => Terms.Thresholds.Select(share =>
        $"{nodeId}:{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Code))}:{share.ToString("0.####", CultureInfo.InvariantCulture)}={(long)Math.Ceiling(MostAtOnce * share)}");

    private long Units(decimal amount) =>
        Terms.IsMoney && NanoUnits.TryFrom(amount, Currency.Parse(Terms.Currency!), out var nanos) ? nanos : (long)amount;
}
