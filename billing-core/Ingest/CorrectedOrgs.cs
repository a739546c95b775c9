using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Ingest;

/// <summary>Whose the events are that corrections name: what one org used is never put right by another's correction.</summary>
internal static class CorrectedOrgs
{
    /// <param name="connection">Open, in the transaction that stores the events.</param>
    /// <param name="events">Each id once.</param>
    /// <returns>
    /// The ids of corrections whose corrected event is another org's, by what is stored, else by what comes with them. A corrected event
    /// that is in neither is still on its way, because order is not guaranteed, and its correction is no fault.
    /// </returns>
    public static async Task<HashSet<Guid>> AstrayAsync(NpgsqlConnection connection, IReadOnlyList<GatewayEvent> events, CancellationToken cancel)
    {
        var corrections = events.Where(one => one.Corrects is not null).ToList();
        if (corrections.Count == 0)
            return [];
        var orgs = events.ToDictionary(one => one.Id, one => one.Org);
        await using var command = new NpgsqlCommand(
            "select i.id, s.external_customer_id from gateway_event_ids i join event_streams s on s.id = i.stream_id where i.id = any($1)", connection);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, corrections.ConvertAll(one => one.Corrects!.Value)));
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            orgs[reader.GetGuid(0)] = reader.GetString(1);
        return [.. corrections.Where(one => orgs.TryGetValue(one.Corrects!.Value, out var org) && org != one.Org).Select(one => one.Id)];
    }
}
