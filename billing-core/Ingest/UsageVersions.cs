using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Ingest;

/// <summary>Tells that sums of some customers' events are old (migrations 0041, 0047). Owns the writing of <c>usage_versions</c>.</summary>
internal static class UsageVersions
{
    /// <summary>Last before the commit, in order of id; each writer has a row of its own, and the sum of them is the version.</summary>
    /// <param name="stored">New events with their customers, as far as those are known.</param>
    public static IEnumerable<NpgsqlBatchCommand> Raise(IReadOnlyList<(Guid? Customer, GatewayEvent Event)> stored, short shard)
    {
        var customers = stored.Where(one => one.Customer is not null).GroupBy(one => one.Customer!.Value, one => one.Event).ToList();
        if (customers.Count == 0)
            yield break;
        var command = new NpgsqlBatchCommand("""
            insert into usage_versions (customer_id, shard, events, corrections, corrected_at)
            select c.id, $5, c.events, c.corrections, c.corrected_at from unnest($1, $2, $3, $4) as c (id, events, corrections, corrected_at) order by c.id
            on conflict (customer_id, shard) do update set events = usage_versions.events + excluded.events,
                corrections = usage_versions.corrections + excluded.corrections, corrected_at = greatest(usage_versions.corrected_at, excluded.corrected_at)
            """);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, customers.ConvertAll(customer => customer.Key)));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Bigint, customers.ConvertAll(customer => customer.LongCount())));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Bigint, customers.ConvertAll(customer => customer.LongCount(one => one.Corrects is not null))));
        command.Parameters.Add(SqlColumns.Column(
            NpgsqlDbType.TimestampTz, customers.ConvertAll(customer => customer.Where(one => one.Corrects is not null).Max(one => (DateTime?)one.At.UtcDateTime))));
        command.Parameters.Add(SqlColumns.Value(NpgsqlDbType.Smallint, shard));
        yield return command;
    }
}
