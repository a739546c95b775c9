using Dapper;
using Npgsql;

namespace Quota.Billing.Metering;

/// <summary>From events to quantities. Reads both sources, gateway and API, through the <c>events</c> view.</summary>
internal sealed class MeterQuery(Aggregations aggregations)
{
    /// <summary>How many calls the events are of: a correction belongs to the call that it corrects.</summary>
    public const string Calls = "count(*) filter (where not is_correction)";

    /// <summary>
    /// The quantity of one subscription's events of one code, with <c>from ≤ at &lt; to</c>. Runs inside whatever transaction the
    /// connection has open. Sums are exact.
    /// </summary>
    /// <param name="connection">Open.</param>
    /// <param name="externalSubscriptionId">As events name it.</param>
    /// <param name="customerId">Whose subscription it is: events that another customer's key made do not count.</param>
    /// <param name="eventCode">The metric's <c>event_code</c>.</param>
    /// <param name="aggregationType">A registered name, e.g. <c>sum_agg</c>.</param>
    /// <param name="fieldName">The property to read; ignored by aggregations that need none.</param>
    /// <param name="patience">Seconds that the database may take; Npgsql's 30 when absent.</param>
    /// <exception cref="KeyNotFoundException">Unknown aggregation.</exception>
    /// <exception cref="ArgumentException">The aggregation needs a field and none is given.</exception>
    /// <exception cref="OverflowException">The sum has more than 28 digits: no invoice can hold it.</exception>
    public async Task<Quantity> ReadAsync(
        NpgsqlConnection connection,
        string externalSubscriptionId,
        Guid customerId,
        string eventCode,
        string aggregationType,
        string? fieldName,
        DateTimeOffset from,
        DateTimeOffset to,
        int? patience = null,
        CancellationToken cancel = default)
    {
        var aggregation = aggregations[aggregationType];
        if (aggregation.NeedsField && string.IsNullOrEmpty(fieldName))
            throw new ArgumentException($"{aggregationType} needs a field.", nameof(fieldName));
        // The SQL is ours, chosen by name; everything that a client wrote is a parameter. trim_scale keeps sums of "1.50" short.
        var sql = $"""
            select trim_scale({aggregation.Sql}) as units, {Calls} as events_count
            from events
            where external_subscription_id = @externalSubscriptionId and code = @eventCode and at >= @from and at < @to
                and (customer_id is null or customer_id = @customerId)
            """;
        var arguments = new { externalSubscriptionId, customerId, eventCode, field = fieldName ?? "", from, to };
        return await connection.QuerySingleAsync<Quantity>(new CommandDefinition(sql, arguments, commandTimeout: patience, cancellationToken: cancel));
    }
}
