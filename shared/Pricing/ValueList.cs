using System.Collections;

namespace Quota.Shared.Pricing;

/// <summary>A list that never changes; two are equal when they hold the same in the same order, so that records with one compare by value.</summary>
internal sealed class ValueList<T> : IReadOnlyList<T>
    where T : IEquatable<T>
{
    public static readonly ValueList<T> Empty = new([]);

    private readonly T[] _items;

    private ValueList(T[] items) => _items = items;

    /// <summary>Null, which the JSON reader sets where a document names no list, is the empty list.</summary>
    public static ValueList<T> Of(IReadOnlyList<T>? items) => items is null or { Count: 0 } ? Empty : items as ValueList<T> ?? new ValueList<T>([.. items]);

    public int Count => _items.Length;

    public T this[int index] => _items[index];

    public IEnumerator<T> GetEnumerator() => _items.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override bool Equals(object? obj) => obj is ValueList<T> other && _items.AsSpan().SequenceEqual(other._items);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var item in _items)
            hash.Add(item);
        return hash.ToHashCode();
    }
}
