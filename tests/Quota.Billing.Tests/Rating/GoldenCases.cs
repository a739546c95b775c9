using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Billing.Tests.Rating;

/// <summary>One row of the tables in <c>Cases/*.json</c>: what a public page says (or follows from its rule) a quantity costs.</summary>
public sealed record GoldenCase(string Source, string ChargeModel, string Properties, string Units, string Amount, int? Steps)
{
    public decimal UnitsValue => decimal.Parse(Units, CultureInfo.InvariantCulture);

    public decimal AmountValue => decimal.Parse(Amount, CultureInfo.InvariantCulture);

    public override string ToString() => $"{ChargeModel} {Units} → {Amount} ({Source})";

    public static IEnumerable<GoldenCase> All()
    {
        foreach (var file in Directory.EnumerateFiles(Folder(), "*.json").Order(StringComparer.Ordinal))
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            foreach (var table in document.RootElement.EnumerateArray())
            foreach (var row in table.GetProperty("cases").EnumerateArray())
            {
                yield return new GoldenCase(
                    table.GetProperty("source").GetString()!,
                    table.GetProperty("charge_model").GetString()!,
                    table.GetProperty("properties").GetRawText(),
                    row.GetProperty("units").GetString()!,
                    row.GetProperty("amount").GetString()!,
                    row.TryGetProperty("steps", out var steps) ? steps.GetInt32() : null);
            }
        }
    }

    private static string Folder() => Path.Combine(Repository.Root, "tests", "Quota.Billing.Tests", "Rating", "Cases");
}
