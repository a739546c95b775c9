using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Quota.Shared.Usage;

/// <summary>
/// Names and their values, sorted by name and never changed; two are equal when they hold the same, so that records with one compare by
/// value and are written as the same bytes.
/// </summary>
internal sealed class ValueMap<T> : IReadOnlyDictionary<string, T>
    where T : struct, IEquatable<T>
{
    private readonly SortedDictionary<string, T> _entries;

    private ValueMap(IReadOnlyDictionary<string, T> entries) => _entries = new(entries.ToDictionary(entry => entry.Key, entry => entry.Value), StringComparer.Ordinal);

    /// <summary>Null for null, and for nothing in it: an empty object says no more than none.</summary>
    public static ValueMap<T>? Of(IReadOnlyDictionary<string, T>? entries) =>
        entries is null or { Count: 0 } ? null : entries as ValueMap<T> ?? new ValueMap<T>(entries);

    public int Count => _entries.Count;

    public IEnumerable<string> Keys => _entries.Keys;

    public IEnumerable<T> Values => _entries.Values;

    public T this[string key] => _entries[key];

    public bool ContainsKey(string key) => _entries.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value) => _entries.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<string, T>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override bool Equals(object? obj) => obj is ValueMap<T> other && _entries.SequenceEqual(other._entries);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var (name, value) in _entries)
        {
            hash.Add(name);
            hash.Add(value);
        }
        return hash.ToHashCode();
    }
}
