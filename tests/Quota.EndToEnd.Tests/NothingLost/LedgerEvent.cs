using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>An event as the core has stored it.</summary>
/// <param name="Corrects">The event that it corrects: its numbers are differences.</param>
/// <param name="Scope">Path of the user.</param>
internal sealed record LedgerEvent(
    string Id, string? Corrects, string Instance, long Seq, string Status, bool IsEstimated, string Scope, long Requests, long Input, long Output, decimal CostNanos)
{
    /// <summary>It says itself that it may differ from what the provider served.</summary>
    public bool IsFlagged => IsEstimated || Status != "completed";

    public decimal Units(string meter) => meter switch
    {
        "spend" => CostNanos,
        "requests" => Requests,
        "total_tokens" => Input + Output,
        "output_tokens" => Output,
        _ => throw new ArgumentOutOfRangeException(nameof(meter), meter, "not a meter of these proofs"),
    };

    /// <summary>Every event of the core's database, in no order.</summary>
    public static async Task<IReadOnlyList<LedgerEvent>> ReadAllAsync(string database)
    {
        List<LedgerEvent> events = [];
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand("select id::text, external_customer_id, properties from events where source = 'gateway'", connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            events.Add(Read(reader.GetString(0), reader.GetString(1), JsonElement.Parse(reader.GetString(2))));
        return events;
    }

    /// <summary>One number that the core's database knows.</summary>
    public static async Task<T> AskAsync<T>(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private static LedgerEvent Read(string id, string org, JsonElement json)
    {
        string Text(string field) => json.GetProperty(field).GetString()!;
        return new LedgerEvent(id, json.TryGetProperty("corrects", out var corrects) ? corrects.GetString() : null, Text("instance"), json.GetProperty("seq").GetInt64(),
            Text("status"), json.TryGetProperty("estimated", out _), $"{org}/{Text("team")}/{Text("user")}",
            json.GetProperty("requests").GetInt64(), json.GetProperty("input_tokens").GetInt64(), json.GetProperty("output_tokens").GetInt64(),
            json.TryGetProperty("cost", out var cost) ? decimal.Parse(cost.GetString()!, CultureInfo.InvariantCulture) * 1_000_000_000m : 0);
    }
}
