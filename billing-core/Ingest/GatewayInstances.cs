using System.Collections.Concurrent;
using Dapper;
using Npgsql;
using Quota.Billing.Http;

namespace Quota.Billing.Ingest;

/// <summary>
/// How far each gateway has shipped, and when it was last heard of. Outside the batches' transactions, because a watermark is true by itself,
/// and the batches of one gateway would wait for each other at its row.
/// </summary>
internal sealed class GatewayInstances(NpgsqlDataSource database, TimeProvider clock)
{
    private const int MaxName = 64;

    /// <summary>A gateway ships many batches a second; this often its row is written.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>Forgotten beyond it: instances are few, but a client of the route may name any.</summary>
    private const int MostKnown = 10_000;

    private readonly ConcurrentDictionary<(string Instance, bool Polls), long> _writtenAt = new();

    /// <summary>Whether it can be a gateway's: 1 to 64 of <c>A-Z a-z 0-9 . _ : -</c>, as Redis fields, file names and lists of names take it unescaped.</summary>
    public static bool IsName(string text) => text.Length is > 0 and <= MaxName && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' or ':' or '-');

    /// <summary>Why it cannot.</summary>
    public static string Mistake(string text) => $"'{text}' must be 1 to {MaxName} of the characters A-Z a-z 0-9 . _ : -";

    /// <summary>The field <c>instance</c>; a mistake goes to the input's validation.</summary>
    public static string NameIn(Input input)
    {
        var name = input.RequiredText("instance", MaxName);
        if (name.Length > 0 && !IsName(name))
            input.Refuse("instance", Mistake(name));
        return name;
    }

    /// <param name="polls">It asks for what it needs to count: from now on counters are not gathered without it.</param>
    public async Task SeenAsync(string instance, DateTimeOffset? watermark, CancellationToken cancel, bool polls = false)
    {
        var now = clock.GetTimestamp();
        if (_writtenAt.TryGetValue((instance, polls), out var before) && clock.GetElapsedTime(before, now) < Interval)
            return;
        if (_writtenAt.Count > MostKnown)
            _writtenAt.Clear();
        _writtenAt[(instance, polls)] = now;
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into gateways (instance, watermark, seen_at, polled_at) values (@instance, @watermark, @seenAt, case when @polls then @seenAt end)
            on conflict (instance) do update set watermark = greatest(gateways.watermark, excluded.watermark), seen_at = excluded.seen_at,
                polled_at = coalesce(excluded.polled_at, gateways.polled_at)
            """, new { instance, watermark, polls, seenAt = clock.GetUtcNow() }, cancellationToken: cancel));
    }
}
