using System.Text.Json;
using Quota.Billing.Http;

namespace Quota.Billing.Catalog;

/// <summary>A property by whose values charges may tell usage apart.</summary>
internal sealed record MetricFilter(string Key, IReadOnlyList<string> Values)
{
    private const int MaxFilters = 20;
    private const int MaxValues = 500;

    /// <summary>The properties of stored filters.</summary>
    public static IEnumerable<string> Keys(JsonElement filters) =>
        filters.ValueKind == JsonValueKind.Array ? filters.EnumerateArray().Select(filter => filter.GetProperty("key").GetString()!) : [];

    /// <summary>Reads <c>filters: [{key, values: […]}]</c> as they are stored and shown; an empty list when absent.</summary>
    public static JsonElement ReadAll(Input input)
    {
        var filters = new List<MetricFilter>();
        foreach (var one in input.Objects("filters", MaxFilters))
        {
            var filter = new MetricFilter(one.RequiredText("key"), one.Texts("values", MaxValues));
            if (filter.Values.Count == 0 && !one.HasMistakes)
                one.Refuse("values", Mistake.Mandatory);
            foreach (var value in filter.Values.GroupBy(value => value).Where(same => same.Count() > 1))
                one.Refuse("values", $"'{value.Key}' is there more than once");
            if (filters.Any(other => other.Key == filter.Key))
                one.Refuse("key", $"'{filter.Key}' has a filter already");
            filters.Add(filter);
        }
        return JsonSerializer.SerializeToElement(filters, JsonFormats.Options);
    }
}
