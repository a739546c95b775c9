using System.Globalization;
using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// The <c>prices</c> of a model: one set, or a list of <c>{constraint, prices}</c> of which the last one that is active holds, and the first
/// when none is (<c>ConditionalPrice</c> and <c>get_prices</c> of genai-prices' <c>types.py</c>). A <c>start_date</c> begins a dated price; a time
/// of day (<c>start_time</c> ≤ now &lt; <c>end_time</c>, UTC) is a variant of every price before it in the list.
/// </summary>
internal static class GenAiHistory
{
    /// <param name="problem">Why the model cannot be priced; null when it can, or when a mistake was noted.</param>
    public static IReadOnlyList<GenAiDatedPrice> Read(ModelFields model, out string? problem)
    {
        problem = null;
        var history = new List<GenAiDatedPrice>();
        if (model.Find("prices") is { ValueKind: JsonValueKind.Array } list)
        {
            foreach (var entry in list.EnumerateArray())
                problem ??= ReadEntry(model, entry, history);
            if (history.Count == 0)
                problem ??= "names no price";
        }
        else if (model.Find("prices") is { } single)
        {
            var sheets = GenAiSheets.Read(model, single, out problem);
            history.Add(new GenAiDatedPrice(null, sheets));
        }
        else
            problem = "names no price";
        return history;
    }

    private static string? ReadEntry(ModelFields model, JsonElement entry, List<GenAiDatedPrice> history)
    {
        if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("prices", out var prices))
        {
            model.Mistake("prices", "an entry must be an object with prices");
            return null;
        }
        var sheets = GenAiSheets.Read(model, prices, out var problem);
        if (problem is not null)
            return problem;
        if (!entry.TryGetProperty("constraint", out var constraint) || constraint.ValueKind == JsonValueKind.Null)
        {
            history.Clear();
            history.Add(new GenAiDatedPrice(null, sheets));
            return null;
        }
        if (constraint.ValueKind == JsonValueKind.Object && Text(constraint, "start_date") is { } date)
            return ReadDate(model, date, sheets, history);
        if (constraint.ValueKind == JsonValueKind.Object && Text(constraint, "start_time") is { } from && Text(constraint, "end_time") is { } to)
            return ReadTimes(model, from, to, sheets, history);
        return "has a constraint that is neither a start_date nor times of day";
    }

    private static string? ReadDate(ModelFields model, string text, GenAiSheets sheets, List<GenAiDatedPrice> history)
    {
        if (!DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            model.Mistake("prices", "start_date must be a date such as 2026-09-01");
            return null;
        }
        var from = new DateTimeOffset(date.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        if (history is [.., { From: { } before }] && before >= from)
            return "has start_dates out of order";
        history.Add(new GenAiDatedPrice(history.Count == 0 ? null : from, sheets));
        return null;
    }

    private static string? ReadTimes(ModelFields model, string from, string to, GenAiSheets sheets, List<GenAiDatedPrice> history)
    {
        if (Time(from) is not { } start || Time(to) is not { } end)
        {
            model.Mistake("prices", "start_time and end_time must be times in UTC such as 16:30:00Z");
            return null;
        }
        if (start >= end)
            return "has a start_time that is not before its end_time";
        if (history.Count == 0)
            return "has a time of day before any other price";
        if (!history.TrueForAll(price => price.Sheets.AreCoveredBy(sheets)))
            return "has a time of day that does not price all that the rest of the day does";
        history.ForEach(price => price.Windows.Add((start, end, sheets)));
        return null;
    }

    private static TimeOnly? Time(string text) =>
        TimeOnly.TryParseExact(text.Replace("+00:00", "Z", StringComparison.Ordinal), ["HH:mm:ss'Z'", "HH:mm'Z'"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            ? time : null;

    private static string? Text(JsonElement value, string field) =>
        value.TryGetProperty(field, out var found) && found.ValueKind == JsonValueKind.String ? found.GetString() : null;
}
