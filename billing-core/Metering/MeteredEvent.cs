namespace Quota.Billing.Metering;

/// <summary>One event as an aggregation reads it, in canonical order: by time, then by id.</summary>
/// <param name="At">To the microsecond.</param>
/// <param name="IsCorrection">It carries differences to another event: sums take it, counts do not.</param>
/// <param name="Value">What the metric measures of it.</param>
/// <param name="IsRemoval"><c>operation_type</c> is <c>remove</c>; only unique counts look at it.</param>
internal readonly record struct MeteredEvent(DateTimeOffset At, Guid Id, bool IsCorrection, PropertyValue Value, bool IsRemoval);
