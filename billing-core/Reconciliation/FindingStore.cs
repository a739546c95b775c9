using System.Text.Json;
using Dapper;
using Npgsql;
using Quota.Billing.Http;

namespace Quota.Billing.Reconciliation;

/// <summary>Something that does not agree with something else. A row of <c>findings</c>.</summary>
/// <param name="Kind">One of <see cref="FindingKind"/>.</param>
/// <param name="Subject">What it is about, as people name it: <c>rollup 12</c>.</param>
/// <param name="FoundAt">The first time.</param>
/// <param name="SeenAt">The last time.</param>
internal sealed record Finding(Guid Id, string Kind, string Subject, JsonElement Detail, DateTimeOffset FoundAt, DateTimeOffset SeenAt, int TimesSeen);

internal static class FindingKind
{
    /// <summary>A rollup's sums were not those of its events.</summary>
    public const string RollupDiffers = "rollup_differs";

    /// <summary>A rollup has nothing of the time before events were dropped, and no other has it by the same keys.</summary>
    public const string RollupIncomplete = "rollup_incomplete";

    /// <summary>Events that are old enough to be dropped are kept, because something is computed from them.</summary>
    public const string RetentionWaits = "retention_waits";

    public static readonly IReadOnlyList<string> All = [RollupDiffers, RollupIncomplete, RetentionWaits];
}

/// <summary>Owns the SQL of <c>findings</c>.</summary>
internal sealed class FindingStore(NpgsqlDataSource database)
{
    /// <summary>In the caller's transaction, with what is done about it. The same finding again is one row that was seen once more.</summary>
    /// <param name="detail">Written as the API shows it.</param>
    public static Task AddAsync(NpgsqlConnection connection, string kind, string subject, object detail, DateTimeOffset now) => connection.ExecuteAsync("""
        insert into findings (id, kind, subject, detail, found_at, seen_at) values (@id, @kind, @subject, @detail::jsonb, @now, @now)
        on conflict (kind, subject, md5(detail::text)) do update set seen_at = excluded.seen_at, times_seen = findings.times_seen + 1
        """, new { id = Guid.CreateVersion7(now), kind, subject, detail = JsonSerializer.Serialize(detail, JsonFormats.Options), now });

    /// <summary>What was seen last comes first; a null filter lets all pass.</summary>
    public async Task<(IReadOnlyList<Finding> Items, long Total)> ListAsync(string? kind, string? subject, int offset, int count)
    {
        const string Listed = "from findings where (@kind::text is null or kind = @kind) and (@subject::text is null or subject = @subject)";
        var arguments = new { kind, subject, offset, count };
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<Finding>(
            $"select id, kind, subject, detail, found_at, seen_at, times_seen {Listed} order by seen_at desc, id offset @offset limit @count", arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) {Listed}", arguments));
    }
}
