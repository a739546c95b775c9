using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>The same events 1 to 5 times, shuffled and cut into batches anew, by four workers, while the core is killed: what is in the ledger is the events.</summary>
[Collection(nameof(Races))]
public sealed class ReplayTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Workers = 4, MostInBatch = 1_000;

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly FakeStripeOptions _stripeOptions = new();
    private PostgresServer _postgres = null!;
    private FakeStripe _stripe = null!;
    private CoreProcess _core = null!;

    public async ValueTask InitializeAsync()
    {
        _postgres = await PostgresServer.StartAsync(new PostgresOptions { Durable = true });
        _stripe = await FakeStripe.StartAsync(_stripeOptions);
        _core = await CoreProcess.StartAsync(_postgres, _stripe, _stripeOptions);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _core.DisposeAsync();
        await _stripe.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task However_often_and_in_whatever_order_they_come_over_restarts_and_month_ends_the_sums_are_equal()
    {
        using var org = await WitnessOrg.MakeAsync(_core.Url);
        var seed = Seeds.Next(output);
        var events = new ReplayEvents(seed, LongForm.Pick(20_000, 1_000_000), TimeProvider.System.GetUtcNow());
        var sends = Enumerable.Range(0, events.Count).SelectMany(number => Enumerable.Repeat(number, ReplayEvents.Times(number))).ToArray();
        var random = new Random(seed);
        random.Shuffle(sends);

        var started = Stopwatch.GetTimestamp();
        var kills = LongForm.Pick(2, 12);
        var (accepted, repeats) = await SendAsync(sends, events.Bytes, random, kills);
        var took = Stopwatch.GetElapsedTime(started);
        accepted.ShouldBeLessThanOrEqualTo(events.Count);   // fewer where a kill took the answer
        await SumsAsync(events, org);

        var planted = Enumerable.Range(0, events.Count / ReplayEvents.PlantedEvery).Select(i => i * ReplayEvents.PlantedEvery).ToArray();
        (await SendAsync([.. planted, .. planted], events.Planted, random, kills: 0, "conflict")).Accepted.ShouldBe(0);
        var listed = await LedgerEvent.AskAsync<string[]>(_core.Database, "select coalesce(array_agg(id order by id), '{}') from event_conflicts");
        listed.ShouldBe(planted.Select(number => events.IdOf(number).ToString()).Order(StringComparer.Ordinal).ToArray());   // each once, and nothing else

        var all = Enumerable.Range(0, events.Count).ToArray();
        random.Shuffle(all);
        (await SendAsync(all, events.Bytes, random, kills: 0)).Accepted.ShouldBe(0, "a replay adds nothing");
        await SumsAsync(events, org);
        output.WriteLine($"""
              events                 {events.Count:N0}, sent {sends.Length:N0} times in {took.TotalSeconds:0.0} s, {sends.Length / took.TotalSeconds:N0}/s with {kills} kills of the core
              batches sent again     {repeats:N0}
              planted conflicts      {planted.Length:N0}, all listed
              rows that a replay of everything added   0
            """);
    }

    /// <summary>Months, the running period and the rollups say what the events do.</summary>
    private async Task SumsAsync(ReplayEvents events, WitnessOrg org)
    {
        (await LedgerEvent.AskAsync<string>(_core.Database, """
            select string_agg(concat_ws(' ', month, calls, input, output), E'\n' order by month) from (
                select to_char(at at time zone 'UTC', 'YYYY-MM') as month, count(*) as calls, sum((properties->>'input_tokens')::numeric) as input, sum((properties->>'output_tokens')::numeric) as output
                from events group by 1) months
            """)).ShouldBe(events.ByMonth());
        var running = Enumerable.Range(0, events.Count).Select(events.Numbers).Where(one => one.At >= events.Month).ToList();
        var usage = await org.UsageAsync();
        (usage["requests"], usage["input_tokens"], usage["output_tokens"]).ShouldBe((running.Count, running.Sum(one => one.Input), running.Sum(one => one.Output)));
        var rollups = (await org.SendAsync(HttpMethod.Post, "/api/v1/rollups/verify", "{}")).GetProperty("rollups").EnumerateArray().ToList();
        rollups.ShouldNotBeEmpty();
        rollups.ShouldAllBe(rollup => rollup.GetProperty("differences").GetInt64() == 0);
    }

    /// <summary>Sends each in turn until it is answered; what was accepted, and how many batches had to be sent again.</summary>
    /// <param name="expected">What an event may be besides accepted and a duplicate.</param>
    private async Task<(int Accepted, int Repeats)> SendAsync(int[] sends, Func<int, byte[]> bytes, Random random, int kills, string expected = "duplicate")
    {
        var (gate, next, accepted, repeats) = (new Lock(), 0, 0, 0);
        var working = Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                Range part;
                lock (gate)
                {
                    if (next == sends.Length)
                        return;
                    part = next..(next = Math.Min(sends.Length, next + random.Next(1, MostInBatch + 1)));
                }
                var body = ReplayEvents.Batch(sends[part].Distinct().Select(bytes));
                IReadOnlyList<string>? results = null;
                await Eventually.TrueAsync("the core answers", async () =>
                {
                    if ((results = await TryAsync(body)) is null)
                        Interlocked.Increment(ref repeats);
                    return results is not null;
                }, TimeSpan.FromMinutes(1));
                results!.ShouldAllBe(status => status == "accepted" || status == "duplicate" || status == expected);
                Interlocked.Add(ref accepted, results!.Count(status => status == "accepted"));
            }
        })));
        for (var kill = 1; kill <= kills; kill++)
        {
            await Eventually.TrueAsync("it is time for the next kill", () => working.IsCompleted || Volatile.Read(ref next) >= (long)sends.Length * kill / (kills + 1), TimeSpan.FromMinutes(5));
            await _core.StartAgainAsync();
        }
        await working;
        return (accepted, repeats);
    }

    /// <summary>Its status, and why it was rejected.</summary>
    private static string Told(JsonElement result) => result.GetProperty("status").GetString() is "rejected" ? result.ToString() : result.GetProperty("status").GetString()!;

    /// <summary>What became of each event; null: not known.</summary>
    private async Task<IReadOnlyList<string>?> TryAsync(byte[] body)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _core.Url + "/internal/v1/usage") { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", CoreProcess.GatewayToken);
            using var answer = await _http.SendAsync(request);
            if (answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
                return null;
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            using var told = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync());
            return [.. told.RootElement.GetProperty("results").EnumerateArray().Select(Told)];
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException)
        {
            return null;
        }
    }
}
