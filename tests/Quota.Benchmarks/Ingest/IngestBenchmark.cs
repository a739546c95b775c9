using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Quota.TestKit;

namespace Quota.Benchmarks.Ingest;

/// <summary>
/// How fast events get into the ledger through HTTP, with de-duplication and rollups, and how fast usage is told, as the table grows. The
/// sender, the core and PostgreSQL share the machine; fsync and synchronous_commit are on.
/// </summary>
internal static class IngestBenchmark
{
    private const int BatchSize = 1_000;

    /// <summary>From so many millions on the target of <c>current_usage</c> counts: below, what comes with the start is still in it.</summary>
    private const int LargeLedger = 10;

    private const string Customer = "acme", Subscription = "acme-main";
    private static readonly HttpClient Http = new();

    /// <param name="marks">Millions of rows at which to measure; the last million before each is what counts.</param>
    /// <returns>0, or 1 when a target is missed.</returns>
    public static async Task<int> RunAsync(bool isGateway, IReadOnlyList<int> marks, int inFlight)
    {
        var folder = Path.Combine("/var/tmp", $"quota-benchmark-{Environment.ProcessId}");
        try
        {
            await using var postgres = await PostgresServer.StartAsync(new PostgresOptions { DataFolder = folder });
            await SettingsAsync(postgres);
            await using var stripe = await FakeStripe.StartAsync();
            await using var core = await CoreProcess.StartAsync(postgres, stripe, new FakeStripeOptions());
            return await MeasureAsync(core, postgres, isGateway, marks, inFlight);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a machine of this size would be given; all else as PostgreSQL comes, fsync and synchronous_commit on.</summary>
    private static async Task SettingsAsync(PostgresServer postgres)
    {
        await using (var connection = new NpgsqlConnection(postgres.ConnectionString()))
        {
            await connection.OpenAsync();
            foreach (var setting in new[] { "shared_buffers = '1GB'", "max_wal_size = '8GB'", "wal_compression = 'off'" })
            {
                await using var command = new NpgsqlCommand($"alter system set {setting}", connection);
                await command.ExecuteNonQueryAsync();
            }
        }
        NpgsqlConnection.ClearAllPools();
        await postgres.Process.StopAsync();
        await postgres.StartAgainAsync();
    }

    private static async Task<int> MeasureAsync(CoreProcess core, PostgresServer postgres, bool isGateway, IReadOnlyList<int> marks, int inFlight)
    {
        var now = TimeProvider.System.GetUtcNow();
        var month = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero);
        await SetUpAsync(core, month);
        using var load = new IngestLoad(core, isGateway, BatchSize, inFlight, month);
        Console.WriteLine($"{(isGateway ? "POST /internal/v1/usage" : "POST /api/v1/events/batch")}, batches of {BatchSize:N0}, {inFlight} in flight, {Environment.ProcessorCount} cores with sender and PostgreSQL on them\n");
        Console.WriteLine("| million rows | events/s | batch p50 ms | batch p99 ms | core CPU µs an event | PostgreSQL | sender | core RSS MB | current_usage p50 ms | p99 ms |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        await load.UntilAsync(200_000);     // the just-in-time compiler's share
        await UsageAsync(core);             // likewise
        var isMet = true;
        foreach (var mark in marks)
        {
            if ((mark - 1) * 1_000_000L > load.Sent)
                await load.UntilAsync((mark - 1) * 1_000_000L);
            var before = ServerCpu();
            var result = await load.UntilAsync(mark * 1_000_000L);
            var server = ServerCpu() - before;
            var (p50, p99) = await UsageAsync(core);
            var rss = Rss(core.Process.Pid);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {mark} | {result.PerSecond:N0} | {result.P50Ms:0.0} | {result.P99Ms:0.0} | {Micros(result.Core, result)} | {Micros(server, result)} | {Micros(result.Sender, result)} | {rss:0} | {p50:0.0} | {p99:0.0} |"));
            isMet &= result.PerSecond >= 50_000 && result.P99Ms <= 250 && (mark < LargeLedger || p99 <= 10) && rss <= 500;
        }
        await CheckAsync(core, marks[^1] * 1_000_000L);
        Console.WriteLine($"\ntargets (50,000 events/s, batch p99 250 ms, current_usage p99 10 ms from 10 million rows on, 500 MB): {(isMet ? "met" : "MISSED")}");
        return isMet ? 0 : 1;

        TimeSpan ServerCpu() => PostgresCpu(postgres.Process.Pid);
    }

    private static string Micros(TimeSpan cpu, IngestResult result) => (cpu.TotalMicroseconds / result.Events).ToString("0.0", CultureInfo.InvariantCulture);

    private static async Task SetUpAsync(CoreProcess core, DateTimeOffset month)
    {
        await PostAsync(core, "customers", new { customer = new { external_id = Customer, currency = "USD" } });
        var ids = new List<string>();
        foreach (var field in new[] { "input_tokens", "output_tokens", "requests" })
        {
            var metric = await PostAsync(core, "billable_metrics", new { billable_metric = new { name = field, code = field, event_code = "llm.request", aggregation_type = "sum_agg", field_name = field } });
            ids.Add(metric.GetProperty("billable_metric").GetProperty("lago_id").GetString()!);
        }
        await PostAsync(core, "plans", new
        {
            plan = new
            {
                name = "Scale", code = "scale", interval = "monthly", amount_cents = 0, amount_currency = "USD", pay_in_advance = false,
                charges = ids.Select(id => new { billable_metric_id = id, charge_model = "standard", properties = new { amount = "0.000001" } }),
            },
        });
        await PostAsync(core, "subscriptions", new { subscription = new { external_customer_id = Customer, plan_code = "scale", external_id = Subscription, billing_time = "calendar", subscription_at = month } });
        await Task.Delay(3_000);    // the rollups of the metrics are built within a second
    }

    private static async Task<(double P50, double P99)> UsageAsync(CoreProcess core)
    {
        var times = new List<double>();
        for (var i = 0; i < 300; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await GetAsync(core, $"customers/{Customer}/current_usage?external_subscription_id={Subscription}");
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        times.RemoveRange(0, 20);
        times.Sort();
        return (times[times.Count / 2], times[times.Count * 99 / 100]);
    }

    /// <summary>Each event once, in count and sum: what was sent is known.</summary>
    private static async Task CheckAsync(CoreProcess core, long events)
    {
        var usage = await GetAsync(core, $"customers/{Customer}/current_usage?external_subscription_id={Subscription}");
        var lines = usage.GetProperty("customer_usage").GetProperty("charges_usage").EnumerateArray().ToList();
        decimal Sum(int modulus) => events / modulus * (modulus * (modulus - 1m) / 2) + events % modulus * (events % modulus - 1m) / 2;
        foreach (var (line, units) in lines.Zip([Sum(4000), Sum(900), events]))
        {
            var (found, count) = (decimal.Parse(line.GetProperty("units").GetString()!, CultureInfo.InvariantCulture), line.GetProperty("events_count").GetInt64());
            if (found != units || count != events)
                throw new InvalidOperationException($"{count:N0} events with {found:N0} units are in the ledger; {events:N0} with {units:N0} were sent");
        }
        Console.WriteLine($"\n{events:N0} events were sent, and all sums are theirs");
    }

    private static async Task<JsonElement> PostAsync(CoreProcess core, string path, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{core.Url}/api/v1/{path}") { Content = JsonContent.Create(body) };
        return await SendAsync(request);
    }

    private static async Task<JsonElement> GetAsync(CoreProcess core, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{core.Url}/api/v1/{path}");
        return await SendAsync(request);
    }

    private static async Task<JsonElement> SendAsync(HttpRequestMessage request)
    {
        request.Headers.Authorization = new("Bearer", CoreProcess.AdminKey);
        using var answer = await Http.SendAsync(request);
        return answer.IsSuccessStatusCode ? await answer.Content.ReadFromJsonAsync<JsonElement>()
            : throw new InvalidOperationException($"{request.RequestUri}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    private static double Rss(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.WorkingSet64 / 1048576.0;
    }

    /// <summary>User and system time of the server and its children, those that ended included.</summary>
    private static TimeSpan PostgresCpu(int pid)
    {
        var ticks = 0L;
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(process, "stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                var isServer = Path.GetFileName(process) == pid.ToString(CultureInfo.InvariantCulture);
                if (isServer || fields[1] == pid.ToString(CultureInfo.InvariantCulture))
                    ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture) + (isServer ? long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture) : 0);
            }
            catch (IOException)
            {
                // ended meanwhile
            }
        }
        return TimeSpan.FromMilliseconds(ticks * 10);   // USER_HZ is 100 on Linux
    }
}
