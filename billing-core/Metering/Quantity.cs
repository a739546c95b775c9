namespace Quota.Billing.Metering;

/// <summary>What a metric measured: an exact number of units out of so many events. No events give 0 units; corrections add units and are not among the events.</summary>
internal readonly record struct Quantity(decimal Units, long EventsCount);
