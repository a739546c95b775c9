namespace Quota.Billing.Ingest;

/// <summary>An event as <c>usage_events</c> has it. Properties are flat JSON, UTF-8.</summary>
internal readonly record struct EventRow(
    Guid Id, DateTimeOffset At, int StreamId, bool IsCorrection, string? TransactionId, decimal? Amount, ReadOnlyMemory<Guid> Counted, ReadOnlyMemory<byte> Properties);
