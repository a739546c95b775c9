using Quota.Billing.Metering.Expressions;

namespace Quota.Billing.Metering;

/// <summary>
/// What a metric measures of an event: what its expression computes, else one property; a count measures nothing. Made once and asked for
/// every event.
/// </summary>
internal sealed class Measure
{
    private readonly Expression? _expression;

    /// <exception cref="ArgumentException">A metric was saved with an expression that has mistakes.</exception>
    public Measure(MetricTerms terms)
    {
        if (terms.Expression is { Length: > 0 } text)
        {
            _expression = Expression.Parse(text, out var mistakes) ?? throw new ArgumentException($"{text}: {string.Join("; ", mistakes)}", nameof(terms));
            Names = _expression.Names;
        }
        else if (terms.FieldName is { Length: > 0 } field && terms.AggregationType != CountAggregation.Type)
            Names = [field];
    }

    /// <summary>The properties that it needs, each once.</summary>
    public IReadOnlyList<string> Names { get; } = [];

    /// <param name="slots">The values of <see cref="Names"/>, in their order; there may be none, and yet a value.</param>
    public PropertyValue Of(ReadOnlySpan<PropertyValue> slots, DateTimeOffset at, string code) =>
        _expression is not null ? _expression.Of(slots, at, code) : Names.Count > 0 ? slots[0] : default;
}
