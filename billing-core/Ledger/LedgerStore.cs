using Dapper;
using Npgsql;

namespace Quota.Billing.Ledger;

/// <summary>Writes entries inside the caller's transaction and reads them back. Balance is checked by the database at commit.</summary>
internal sealed class LedgerStore(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Posts an entry; false when its kind and reference were posted before, and nothing is added.</summary>
    /// <remarks>An entry that does not balance makes the commit fail, not this call.</remarks>
    public async Task<bool> PostAsync(NpgsqlTransaction transaction, LedgerEntry entry)
    {
        var now = clock.GetUtcNow();
        var posted = await transaction.Connection!.QuerySingleOrDefaultAsync<Guid?>("""
            insert into ledger_entries (id, kind, reference, customer_id, posted_at, service_from, service_to)
            values (@Id, @Kind, @Reference, @CustomerId, @Now, @ServiceFrom, @ServiceTo)
            on conflict (kind, reference) do nothing
            returning id
            """,
            new
            {
                Id = Guid.CreateVersion7(now), entry.Kind, entry.Reference, entry.CustomerId, Now = now, entry.ServiceFrom, entry.ServiceTo,
            }, transaction);
        if (posted is not { } id)
            return false;
        await transaction.Connection!.ExecuteAsync("""
            insert into ledger_postings (entry_id, position, account, currency, amount)
            select @id, position, account, currency, amount
            from unnest(@accounts, @currencies, @amounts) with ordinality as posting (account, currency, amount, position)
            """,
            new
            {
                id,
                accounts = entry.Postings.Select(posting => posting.Account).ToArray(),
                currencies = entry.Postings.Select(posting => posting.Currency.Code).ToArray(),
                amounts = entry.Postings.Select(posting => posting.Amount).ToArray(),
            }, transaction);
        return true;
    }

    public async Task<IReadOnlyList<LedgerBalance>> BalancesAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = await connection.QueryAsync<LedgerBalance>(new CommandDefinition("""
            select account, currency, sum(amount) as amount
            from ledger_postings
            group by account, currency
            order by account, currency
            """, cancellationToken: cancel));
        return [.. rows];
    }

    /// <summary>A page of entries, newest first, each with its postings.</summary>
    public async Task<(IReadOnlyList<LedgerEntryRow> Entries, long Total)> EntriesAsync(
        string? externalCustomerId, int offset, int count, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var total = await connection.QuerySingleAsync<long>(new CommandDefinition("""
            select count(*) from ledger_entries entry left join customers customer on customer.id = entry.customer_id
            where @externalCustomerId::text is null or customer.external_id = @externalCustomerId and customer.deleted_at is null
            """, new { externalCustomerId }, cancellationToken: cancel));
        var entries = (await connection.QueryAsync<LedgerEntryRow>(new CommandDefinition("""
            select entry.id, kind, reference, customer.external_id as external_customer_id, posted_at, service_from, service_to
            from ledger_entries entry left join customers customer on customer.id = entry.customer_id
            where @externalCustomerId::text is null or customer.external_id = @externalCustomerId and customer.deleted_at is null
            order by posted_at desc, entry.id desc
            limit @count offset @offset
            """, new { externalCustomerId, offset, count }, cancellationToken: cancel))).ToList();
        var postings = (await connection.QueryAsync<PostingRow>(new CommandDefinition("""
            select entry_id, account, currency, amount from ledger_postings
            where entry_id = any(@ids) order by entry_id, position
            """, new { ids = entries.Select(entry => entry.Id).ToArray() }, cancellationToken: cancel))).ToLookup(posting => posting.EntryId);
        foreach (var entry in entries)
            entry.Postings = [.. postings[entry.Id]];
        return (entries, total);
    }
}

/// <summary>The sum of an account, minor units. Wider than 64 bits because it is a sum.</summary>
internal sealed record LedgerBalance(string Account, string Currency, decimal Amount);

internal sealed record LedgerEntryRow
{
    public Guid Id { get; init; }

    public required string Kind { get; init; }

    public required string Reference { get; init; }

    public string? ExternalCustomerId { get; init; }

    public DateTimeOffset PostedAt { get; init; }

    public DateTimeOffset? ServiceFrom { get; init; }

    public DateTimeOffset? ServiceTo { get; init; }

    public IReadOnlyList<PostingRow> Postings { get; set; } = [];
}

internal sealed record PostingRow(Guid EntryId, string Account, string Currency, long Amount);
