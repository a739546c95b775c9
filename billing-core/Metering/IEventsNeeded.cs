using Npgsql;

namespace Quota.Billing.Metering;

/// <summary>
/// Who still computes something from events and not from rollups, so that they must not be dropped. To add another, implement this in the
/// room that reads the events and register it with <c>services.AddSingleton&lt;IEventsNeeded, …&gt;()</c>.
/// </summary>
internal interface IEventsNeeded
{
    /// <summary>Everything that needs events of [<paramref name="from"/>, <paramref name="to"/>).</summary>
    Task<IReadOnlyList<EventsNeed>> ReadAsync(NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel);
}

/// <summary>Events since a time are needed.</summary>
/// <param name="Reason">A word, for findings.</param>
/// <param name="Subject">Whose need it is, as people name it.</param>
internal sealed record EventsNeed(string Reason, string Subject, DateTimeOffset Since);
