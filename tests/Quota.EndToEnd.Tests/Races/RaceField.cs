using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>Who races: stand-alone gateways with one <c>quota.yaml</c>, the store that they share, the provider whose log is the oracle.</summary>
internal sealed class RaceField : IAsyncDisposable
{
    /// <summary>Longer than any fault and any answer lasts.</summary>
    private static readonly TimeSpan MostPatience = TimeSpan.FromSeconds(25);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly ConcurrentQueue<RaceCall> _calls = new();
    private readonly ConcurrentQueue<string> _notes = new();
    private readonly ConcurrentQueue<RaceFault> _faults = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private string? _epochKey;
    private int _numbers;

    private RaceField(RaceOrg org, TimeSpan deadline, RedisServer redis, FakeProvider provider, FactReceiver facts) =>
        (Org, HoldDeadline, Redis, Provider, Facts) = (org, deadline, redis, provider, facts);

    public RaceOrg Org { get; }

    public TimeSpan HoldDeadline { get; }

    public RedisServer Redis { get; }

    public FakeProvider Provider { get; }

    public FactReceiver Facts { get; }

    public IReadOnlyList<RaceGateway> Gateways { get; private set; } = [];

    /// <summary>Every call that has ended, as clients saw them.</summary>
    public IReadOnlyCollection<RaceCall> Calls => _calls;

    /// <summary>What befell whom, and when; printed when a run fails.</summary>
    public IReadOnlyCollection<string> Notes => _notes;

    /// <summary>The faults that were done so far.</summary>
    public IReadOnlyCollection<RaceFault> Faults => _faults;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    public void Begin(RaceFault fault, RaceGateway? gateway)
    {
        _faults.Enqueue(fault);
        Note($"{fault}{(gateway is null ? "" : $" {gateway.Number}")}");
    }

    public void Note(string what) => _notes.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{Elapsed.TotalSeconds,6:0.00} {what}"));

    /// <param name="assembly">Another gateway than the built one.</param>
    public static async Task<RaceField> StartAsync(RaceOrg org, int gateways, TimeSpan holdDeadline, string? assembly = null)
    {
        // Everything that the store has acknowledged is on disk: only then may no limit be passed whenever it is killed.
        var redis = await RedisServer.StartAsync(appendOnly: true, "--appendfsync", "always");
        var field = new RaceField(org, holdDeadline, redis, await FakeProvider.StartAsync(), await FactReceiver.StartAsync());
        try
        {
            await Task.WhenAll(Enumerable.Range(0, gateways).Select(_ => field.AddAsync(assembly)));
            return field;
        }
        catch
        {
            await field.DisposeAsync();
            throw;
        }
    }

    /// <summary>One gateway more.</summary>
    public async Task<RaceGateway> AddAsync(string? assembly = null)
    {
        var number = Interlocked.Increment(ref _numbers) - 1;
        var gateway = await RaceGateway.StartAsync(number, Org.Yaml(Provider), Redis, new Dictionary<string, string?>
        {
            ["Limits__HoldDeadline"] = $"{HoldDeadline.TotalMilliseconds}ms",
            ["Limits__Webhook"] = Facts.Url,
            ["Upstream__Timeout"] = "5s",
        }, assembly);
        lock (_notes)
            Gateways = [.. Gateways.Append(gateway).OrderBy(it => it.Number)];
        return gateway;
    }

    /// <summary>A chat body; the words of its prompt tell the provider what to do.</summary>
    public static string Body(string words, int bound, bool stream = false) =>
        $$"""{"model":"{{RaceOrg.Model}}","max_tokens":{{bound}},"messages":[{"role":"user","content":"{{words}}"}]{{(stream ? ",\"stream\":true" : "")}}}""";

    /// <summary>One call through one gateway; what came of it is kept. Ends early when <paramref name="patience"/> does.</summary>
    public async Task<RaceCall> CallAsync(RaceGateway gateway, RaceKey key, string body, CancellationToken patience = default)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(patience);
        bound.CancelAfter(MostPatience);
        var call = await SendAsync(gateway, key, body, bound.Token);
        if (call.Outcome == RaceOutcome.Aborted && !patience.IsCancellationRequested)
            call = call with { Outcome = RaceOutcome.Stuck };
        _calls.Enqueue(call);
        return call;
    }

    /// <summary>The org's epoch hash in the store. Every key of the org begins with the same words.</summary>
    public async Task<string> EpochKeyAsync() => _epochKey ??= await Redis.CommandAsync("KEYS", "q:{*}:e") is { Length: > 0 } key ? key : throw new InvalidOperationException("nothing is counted yet");

    /// <summary>A key of the org in the epoch that is in force: its deadlines (<c>x</c>) or a hold (<c>h:…</c>).</summary>
    public async Task<string> StoreKeyAsync(string what) => $"{(await EpochKeyAsync())[..^1]}{await Redis.CommandAsync("HGET", await EpochKeyAsync(), "id")}:{what}";

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var gateway in Gateways)
            await gateway.DisposeAsync();
        await Provider.DisposeAsync();
        await Facts.DisposeAsync();
        await Redis.DisposeAsync();
    }

    private async Task<RaceCall> SendAsync(RaceGateway gateway, RaceKey key, string body, CancellationToken patience)
    {
        string? id = null;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Process.Url + "/v1/chat/completions") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Secret);
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience);
            id = answer.Headers.TryGetValues("x-request-id", out var ids) ? ids.Single() : null;
            var text = await answer.Content.ReadAsStringAsync(patience);
            if (answer.IsSuccessStatusCode)
            {
                var isWhole = answer.Content.Headers.ContentType?.MediaType != "text/event-stream" || text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal);
                return new RaceCall(key, isWhole ? RaceOutcome.Served : RaceOutcome.Broken, id, null);
            }
            if (RaceRefusal.Read(text) is { } refusal)
                return new RaceCall(key, RaceOutcome.Refused, id, refusal);
            return answer.StatusCode switch
            {
                HttpStatusCode.ServiceUnavailable => new RaceCall(key, RaceOutcome.Unavailable, id, null, JsonElement.Parse(text).GetProperty("error").GetProperty("message").GetString()),
                HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => new RaceCall(key, RaceOutcome.Failed, id, null),
                var other => throw new InvalidOperationException($"{(int)other}: {text}"),
            };
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return new RaceCall(key, RaceOutcome.Aborted, id, null);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException)
        {
            return new RaceCall(key, id is null && problem.InnerException is System.Net.Sockets.SocketException ? RaceOutcome.Unreachable : RaceOutcome.Broken, id, null);
        }
    }
}

/// <summary>Takes what gateways tell of holds that were reaped and of calls that used more than their hold.</summary>
internal sealed class FactReceiver : IAsyncDisposable
{
    private readonly WebApplication _app = LoopbackHost.Build(0);
    private readonly ConcurrentDictionary<string, RaceFact> _facts = new();

    public string Url => LoopbackHost.UrlOf(_app) + "/facts/";

    public IEnumerable<RaceFact> All => _facts.Values;

    public static async Task<FactReceiver> StartAsync()
    {
        var receiver = new FactReceiver();
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>A teller that was killed half-way tells again.</summary>
    private async Task TakeAsync(HttpContext context)
    {
        using var told = await JsonDocument.ParseAsync(context.Request.Body);
        foreach (var fact in told.RootElement.GetProperty("facts").EnumerateArray())
        {
            var request = fact.TryGetProperty("request_id", out var id) ? id.GetString() : null;
            _facts.TryAdd(fact.GetProperty("id").GetString()!, new RaceFact(fact.GetProperty("kind").GetString()!, fact.GetProperty("at").GetDateTimeOffset(), request));
        }
    }
}

/// <summary>A fact: <c>reaped</c> or <c>over</c>, when, and of which call.</summary>
internal sealed record RaceFact(string Kind, DateTimeOffset At, string? RequestId);
