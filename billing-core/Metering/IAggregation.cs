namespace Quota.Billing.Metering;

/// <summary>
/// How the events of a metric become one quantity. To add another: a file in <c>Aggregations/</c> and one line in
/// <see cref="MeteringRegistration"/>.
/// </summary>
internal interface IAggregation
{
    /// <summary>The metric's <c>aggregation_type</c>, stable.</summary>
    string Name { get; }

    /// <summary>Whether a metric of this type must say what is measured, by a <c>field_name</c> or an expression.</summary>
    bool NeedsField { get; }

    /// <summary>Whether a metric of this type may be <c>recurring</c>.</summary>
    bool MayRecur { get; }

    /// <summary>Whether a metric of this type must say its <c>weighted_interval</c>.</summary>
    bool NeedsInterval => false;

    /// <summary>
    /// The units of sums that rollups keep; null when rollups cannot tell, and events have to be read in order
    /// (<see cref="Start"/>). Which of the two it is does not depend on the sums.
    /// </summary>
    decimal? UnitsOf(in UsageSums sums);

    /// <summary>Begins to read the events of one period, subscription and group.</summary>
    /// <param name="from">The period's start; events before it come first when the metric recurs.</param>
    /// <param name="to">Its end, after all events.</param>
    IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring);
}

/// <summary>Takes events in canonical order and tells their units.</summary>
internal interface IEventFold
{
    void Add(in MeteredEvent one);

    /// <exception cref="OverflowException">More than 28 digits: no invoice can hold it.</exception>
    decimal Units { get; }
}
