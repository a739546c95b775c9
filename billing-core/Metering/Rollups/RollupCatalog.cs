using Dapper;
using Npgsql;

namespace Quota.Billing.Metering.Rollups;

/// <summary>Which rollups there are. Owns the SQL of <c>rollups</c> and their version.</summary>
internal sealed class RollupCatalog
{
    /// <summary>
    /// Held shared by every transaction that stores events, from before it asks for the version; taken alone by whoever changes what they
    /// write. "meter" in ASCII.
    /// </summary>
    private const long LockKey = 0x6d65746572;

    private RollupSet? _known;

    /// <summary>First in a transaction that stores events: nobody changes the rollups until it ends.</summary>
    public static IEnumerable<NpgsqlBatchCommand> Enter() =>
        [new($"select pg_advisory_xact_lock_shared({LockKey})"), new("select version from rollups_version")];

    /// <summary>The rollups of this version, which the connection's transaction has read.</summary>
    public async Task<RollupSet> AtAsync(NpgsqlConnection connection, long version, CancellationToken cancel)
    {
        if (_known is { } known && known.Version == version)
            return known;
        var rollups = await ListAsync(connection, [RollupState.Building, RollupState.Ready], cancel);
        return _known = new RollupSet(version, rollups);
    }

    /// <summary>
    /// The ready rollup of a metric (null: of all events) that tells these keys apart, the one with the fewest keys, if one of those can that
    /// knows of <paramref name="since"/>; null when there is none.
    /// </summary>
    public static async Task<RollupTerms?> FindAsync(
        NpgsqlConnection connection, Guid? metricId, IReadOnlyList<string> keys, DateTimeOffset since, CancellationToken cancel)
    {
        var row = await connection.QueryFirstOrDefaultAsync<(int Id, string[] Keys, DateTimeOffset? Begins)?>(new CommandDefinition("""
            select id, keys, begins_at from rollups where metric_id is not distinct from @metricId and state = 'ready' and distrusted_at is null and keys @> @keys
            order by coalesce(begins_at <= @since, true) desc, cardinality(keys), id limit 1
            """, new { metricId, keys = keys.ToArray(), since }, cancellationToken: cancel));
        return row is { } found ? new RollupTerms(found.Id, null, found.Keys, RollupState.Ready, found.Begins) : null;
    }

    /// <summary>Asks for a rollup; it is built soon, and until then the metric is read from its events.</summary>
    /// <param name="metricId">Null for the one that counts the events of every stream.</param>
    public static Task WantAsync(NpgsqlConnection connection, Guid? metricId, IReadOnlyList<string> keys, DateTimeOffset now) => connection.ExecuteAsync("""
        insert into rollups (metric_id, keys, state, since)
        select @metricId, @keys, 'wanted', @now
        where not exists (
            select from rollups where metric_id is not distinct from @metricId and keys @> @keys and state <> 'retired' and distrusted_at is null)
        """, new { metricId, keys = keys.Distinct().Order(StringComparer.Ordinal).ToArray(), now });

    /// <summary>
    /// From now on a rollup is not read, and one that takes its place is asked for. It is written until that one is ready. False when it is
    /// not read any more as it is.
    /// </summary>
    public static async Task<bool> DistrustAsync(NpgsqlConnection connection, RollupTerms rollup, DateTimeOffset now)
    {
        if (await connection.ExecuteAsync("update rollups set distrusted_at = @now where id = @Id and state = 'ready' and distrusted_at is null", new { rollup.Id, now }) == 0)
            return false;
        await WantAsync(connection, rollup.Metric?.Id, rollup.Keys, now);
        return true;
    }

    /// <summary>
    /// Ends the rollups of a metric, in the transaction that deletes it. The metric's row is locked first: a builder that is about to add a
    /// rollup of it then either has done so, and it is seen here, or finds no metric.
    /// </summary>
    public static Task RetireAsync(NpgsqlConnection connection, Guid metricId, DateTimeOffset now) => connection.ExecuteAsync("""
        select from billable_metrics where id = @metricId for update;
        update rollups set state = 'retired', since = @now where metric_id = @metricId
        """, new { metricId, now });

    /// <summary>Waits until nobody stores events, and keeps them from beginning until the transaction ends; then says that rollups changed.</summary>
    public static Task ChangeAsync(NpgsqlConnection connection, CancellationToken cancel) => connection.ExecuteAsync(new CommandDefinition(
        $"select pg_advisory_xact_lock({LockKey}); update rollups_version set version = version + 1", cancellationToken: cancel));

    public static Task<IReadOnlyList<RollupTerms>> ListAsync(NpgsqlConnection connection, string[] states, CancellationToken cancel) =>
        ListAsync(connection, states, withDistrusted: true, cancel);

    /// <summary>Those that are read.</summary>
    public static Task<IReadOnlyList<RollupTerms>> TrustedAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        ListAsync(connection, [RollupState.Ready], withDistrusted: false, cancel);

    private static async Task<IReadOnlyList<RollupTerms>> ListAsync(NpgsqlConnection connection, string[] states, bool withDistrusted, CancellationToken cancel)
    {
        var rows = await connection.QueryAsync<Row>(new CommandDefinition("""
            select r.id as rollup_id, r.keys, r.state, m.id, m.event_code, m.aggregation_type, m.field_name, m.expression, m.recurring, m.rounding_function, m.rounding_precision
            from rollups r left join billable_metrics m on m.id = r.metric_id
            where r.state = any(@states) and (@withDistrusted or r.distrusted_at is null) order by r.id
            """, new { states, withDistrusted }, cancellationToken: cancel));
        return [.. rows.Select(row => row.Terms)];
    }

    private sealed record Row
    {
        public int RollupId { get; init; }
        public string[] Keys { get; init; } = [];
        public string State { get; init; } = "";
        public Guid? Id { get; init; }
        public string? EventCode { get; init; }
        public string? AggregationType { get; init; }
        public string? FieldName { get; init; }
        public string? Expression { get; init; }
        public bool? Recurring { get; init; }

        public RollupTerms Terms => new(RollupId, Id is not { } id ? null : new MetricTerms
        {
            Id = id,
            EventCode = EventCode!,
            AggregationType = AggregationType!,
            FieldName = FieldName,
            Expression = Expression,
            Recurring = Recurring ?? false,
        }, Keys, State);
    }
}
