using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Quota.Billing.Metering;

/// <summary>The aggregations by name; refuses two of one name when it is built.</summary>
internal sealed class Aggregations(IEnumerable<IAggregation> all)
{
    private readonly FrozenDictionary<string, IAggregation> _byName = all.ToDictionary(one => one.Name).ToFrozenDictionary();

    /// <summary>For validation: the words that <c>aggregation_type</c> may be.</summary>
    public IReadOnlyCollection<string> Names => _byName.Keys;

    public bool TryGet(string name, [NotNullWhen(true)] out IAggregation? aggregation) => _byName.TryGetValue(name, out aggregation);

    /// <exception cref="KeyNotFoundException">A metric was saved with a name that is not registered.</exception>
    public IAggregation this[string name] => _byName.TryGetValue(name, out var aggregation)
        ? aggregation : throw new KeyNotFoundException($"No aggregation is called '{name}'; there are {string.Join(", ", _byName.Keys)}.");
}
