using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Quota.Billing.Clock;
using Quota.Billing.Outbox;

namespace Quota.Billing.Tests.Outbox;

public sealed class OutboxTests : IAsyncLifetime
{
    private BillingApp _app = null!;
    private OutboxStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _app = await BillingApp.StartAsync();
        _store = _app.Services.GetRequiredService<OutboxStore>();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task Each_message_is_done_once_by_pumps_that_run_together()
    {
        for (var n = 0; n < 60; n++)
            await AddAsync("work", $"m{n}");
        await AddAsync("work", "m0");
        var handler = new Recorder("work", _ => OutboxOutcome.Done);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Pump(handler).RunDueAsync(CancellationToken.None)));
        handler.Seen.Count.ShouldBe(60);
        handler.Seen.Select(message => message.Reference).Distinct().Count().ShouldBe(60);
        (await _app.ScalarAsync<long>("select count(*) from outbox where done_at is not null")).ShouldBe(60);
    }

    [Fact]
    public async Task A_failure_comes_again_later_and_says_no_more_than_its_type()
    {
        await AddAsync("work", "fails");
        var handler = new Recorder("work", message => message.Attempts < 3 ? throw new InvalidOperationException("card 4242 sk_live_secret") : OutboxOutcome.Done);
        await Pump(handler).RunDueAsync(CancellationToken.None);
        handler.Seen.Count.ShouldBe(1);
        (await _app.ScalarAsync<string>("select last_error from outbox")).ShouldBe("InvalidOperationException");
        (await _app.ScalarAsync<bool>("select done_at is null and leased_until is null and attempts = 1 from outbox")).ShouldBeTrue();
        foreach (var _ in Enumerable.Range(0, 2))
        {
            Later(TimeSpan.FromSeconds(3));
            await Pump(handler).RunDueAsync(CancellationToken.None);
        }
        handler.Seen.Select(message => message.Attempts).ShouldBe([1, 2, 3]);
        (await _app.ScalarAsync<bool>("select done_at is not null from outbox")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_dead_workers_lease_runs_out_and_its_late_answer_counts_no_more()
    {
        await AddAsync("work", "orphan");
        var dead = (await _store.ClaimAsync(["work"], 10, TimeSpan.FromMinutes(1), CancellationToken.None)).ShouldHaveSingleItem();
        (await _store.ClaimAsync(["work"], 10, TimeSpan.FromMinutes(1), CancellationToken.None)).ShouldBeEmpty();
        Later(TimeSpan.FromMinutes(2));
        var heir = (await _store.ClaimAsync(["work"], 10, TimeSpan.FromMinutes(1), CancellationToken.None)).ShouldHaveSingleItem();
        heir.Attempts.ShouldBe(2);
        await _store.FinishAsync(dead);
        (await _app.ScalarAsync<bool>("select done_at is null from outbox")).ShouldBeTrue();
        await _store.FinishAsync(heir);
        (await _app.ScalarAsync<bool>("select done_at is not null from outbox")).ShouldBeTrue();
    }

    [Fact]
    public async Task What_nobody_handles_waits_untouched()
    {
        await AddAsync("unknown", "waits");
        await Pump(new Recorder("work", _ => OutboxOutcome.Done)).RunDueAsync(CancellationToken.None);
        (await _app.ScalarAsync<bool>("select done_at is null and attempts = 0 from outbox")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_drain_has_a_bound()
    {
        for (var n = 0; n < 20; n++)
            await AddAsync("work", $"m{n}");
        var handler = new Recorder("work", _ => OutboxOutcome.Done);
        await Pump(handler, new OutboxOptions { DrainMessages = 8 }).RunDueAsync(CancellationToken.None);
        handler.Seen.Count.ShouldBe(8);
    }

    [Fact]
    public void Two_handlers_of_one_kind_are_refused() =>
        Should.Throw<InvalidOperationException>(() => Pump(new Recorder("work", _ => OutboxOutcome.Done), null, new Recorder("work", _ => OutboxOutcome.Done)));

    [Fact]
    public void Backoff_doubles_up_to_its_most()
    {
        var most = TimeSpan.FromHours(1);
        Backoff.After(1, most).TotalSeconds.ShouldBeInRange(0.5, 1);
        Backoff.After(5, most).TotalSeconds.ShouldBeInRange(8, 16);
        Backoff.After(100, most).TotalSeconds.ShouldBeInRange(1800, 3600);
    }

    private OutboxPump Pump(Recorder handler, OutboxOptions? options = null, params IOutboxHandler[] others) =>
        new(_store, [handler, .. others], options ?? new OutboxOptions(), NullLogger<OutboxPump>.Instance);

    private void Later(TimeSpan by) => _app.Services.GetRequiredService<CoreClock>().OffsetMs += (long)by.TotalMilliseconds;

    private async Task AddAsync(string kind, string reference)
    {
        await using var connection = await _app.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await _store.AddAsync(transaction, kind, reference);
        await transaction.CommitAsync();
    }

    private sealed class Recorder(string kind, Func<OutboxMessage, OutboxOutcome> answer) : IOutboxHandler
    {
        public ConcurrentQueue<OutboxMessage> Seen { get; } = [];

        public string Kind => kind;

        public Task<OutboxOutcome> HandleAsync(OutboxMessage message, CancellationToken cancel)
        {
            Seen.Enqueue(message);
            return Task.FromResult(answer(message));
        }
    }
}
