using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Billing.Ledger;
using Quota.Shared.Amounts;

namespace Quota.Billing.Tests.Ledger;

public sealed class LedgerTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task The_same_entry_is_posted_once_however_many_try_together()
    {
        var customer = await CustomerAsync("ledger-once");
        var posted = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => PostAsync(Entry(customer, "once", 1234, -1234))));
        posted.Count(done => done).ShouldBe(1);
        (await _app.ScalarAsync<long>("select count(*) from ledger_postings p join ledger_entries e on e.id = p.entry_id where reference = 'once'")).ShouldBe(2);
        var entries = (await _app.GetAsync("/api/v1/ledger/entries?external_customer_id=ledger-once")).ShouldBe(200);
        entries.At("meta.total_count").ShouldBe("1");
        entries.At("entries.0.postings.1.amount").ShouldBe("-12.34");
    }

    [Theory]
    [InlineData(100, -99)]
    [InlineData(100, 0)]
    public async Task The_database_refuses_an_unbalanced_entry_when_it_is_committed(long debit, long credit)
    {
        var customer = await CustomerAsync($"ledger-unbalanced{credit}");
        var refused = await Should.ThrowAsync<PostgresException>(PostAsync(Entry(customer, $"unbalanced{credit}", debit, credit)));
        refused.SqlState.ShouldBe(PostgresErrorCodes.CheckViolation);
        (await _app.ScalarAsync<long>("select count(*) from ledger_entries where reference like 'unbalanced%'")).ShouldBe(0);
    }

    [Fact]
    public async Task An_entry_balances_in_each_currency_by_itself()
    {
        var customer = await CustomerAsync("ledger-currencies");
        var mixed = new LedgerEntry("test", "mixed", customer, [Posting.Debit("a", Currency.Usd, 5), Posting.Credit("b", Currency.Parse("EUR"), 5)]);
        (await Should.ThrowAsync<PostgresException>(PostAsync(mixed))).SqlState.ShouldBe(PostgresErrorCodes.CheckViolation);
    }

    [Theory]
    [InlineData("update ledger_entries set kind = 'other'")]
    [InlineData("update ledger_postings set amount = 0")]
    [InlineData("delete from ledger_postings")]
    [InlineData("delete from ledger_entries")]
    [InlineData("truncate ledger_postings")]
    public async Task What_is_posted_is_never_changed(string sql)
    {
        var customer = await CustomerAsync("ledger-fixed");
        await PostAsync(Entry(customer, "fixed", 1, -1));
        await using var connection = await _app.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        (await Should.ThrowAsync<PostgresException>(command.ExecuteNonQueryAsync())).SqlState.ShouldBe("23000");
    }

    private async Task<bool> PostAsync(LedgerEntry entry)
    {
        await using var connection = await _app.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var posted = await _app.Services.GetRequiredService<LedgerStore>().PostAsync(transaction, entry);
        await transaction.CommitAsync();
        return posted;
    }

    private static LedgerEntry Entry(Guid customer, string reference, long debit, long credit) =>
        new("test", reference, customer, [new Posting("a", Currency.Usd, debit), new Posting("b", Currency.Usd, credit)]);

    private async Task<Guid> CustomerAsync(string externalId) =>
        Guid.Parse((await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = externalId } })).ShouldBe(200).At("customer.lago_id")!);
}
