using System.Globalization;
using System.Text.Json.Nodes;

namespace Quota.Local.Demo;

/// <summary>The three quantities that are billed.</summary>
internal readonly record struct Units(long Requests, long Input, long Output)
{
    public static Units operator +(Units a, Units b) => new(a.Requests + b.Requests, a.Input + b.Input, a.Output + b.Output);

    public static Units operator -(Units a, Units b) => new(a.Requests - b.Requests, a.Input - b.Input, a.Output - b.Output);

    /// <summary>Whether each quantity is at least the other's.</summary>
    public bool Covers(Units other) => Requests >= other.Requests && Input >= other.Input && Output >= other.Output;

    /// <summary>From <c>current_usage</c>'s charges.</summary>
    public static Units FromUsage(JsonObject answer) => From(
        answer["customer_usage"]!["charges_usage"]!.AsArray(),
        charge => charge["billable_metric"]!["code"]!.GetValue<string>(),
        charge => charge["units"]!);

    /// <summary>From an invoice's fees; the base fee has no metric and is left out.</summary>
    public static Units FromInvoice(JsonObject invoice) => From(
        invoice["fees"]!.AsArray(),
        fee => fee["item"]!["code"]!.GetValue<string>(),
        fee => fee["units"]!);

    /// <summary>From the provider's own log.</summary>
    public static Units FromProvider(JsonObject totals) => new(
        totals["requests"]!.GetValue<long>(), totals["input_tokens"]!.GetValue<long>(), totals["output_tokens"]!.GetValue<long>());

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Requests:N0} requests, {Input:N0} in, {Output:N0} out");

    private static Units From(JsonArray lines, Func<JsonNode, string> code, Func<JsonNode, JsonNode> units)
    {
        var sums = lines.OfType<JsonNode>()
            .GroupBy(code)
            .ToDictionary(g => g.Key, g => g.Sum(line => decimal.Parse(units(line).ToString(), CultureInfo.InvariantCulture)));
        return new Units(Whole("requests"), Whole("input_tokens"), Whole("output_tokens"));

        long Whole(string metric)
        {
            var sum = sums.GetValueOrDefault(metric);
            return sum == decimal.Truncate(sum) ? (long)sum : throw new LocalError($"{metric} is {sum}: not whole.");
        }
    }
}
