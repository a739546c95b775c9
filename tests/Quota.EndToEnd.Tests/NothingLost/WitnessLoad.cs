using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>A call as its client saw it.</summary>
/// <param name="Id">The answer's <c>x-request-id</c>; null when no answer began.</param>
/// <param name="IsWhole">It was answered well and read to its end.</param>
/// <param name="OutputTokens">As many as lie in what was read.</param>
/// <param name="IsTold">The provider was to say how many it served.</param>
internal sealed record ClientCall(string User, string? Id, int? Status, bool IsWhole, int OutputTokens, bool IsTold);

/// <summary>Clients that call through any of the gateways: streams and plain answers, some that the provider fails, some that the client leaves.</summary>
internal sealed class WitnessLoad(WiredProduct product, int seed) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) }) { Timeout = TimeSpan.FromSeconds(25) };
    private readonly ConcurrentQueue<ClientCall> _calls = new();
    private int _whole;
    private volatile bool _ended;

    /// <summary>Every call that has ended.</summary>
    public IReadOnlyCollection<ClientCall> Calls => _calls;

    /// <summary>Those that were answered well and read to their end.</summary>
    public int Whole => Volatile.Read(ref _whole);

    /// <summary>How long a client thinks between two calls, at most.</summary>
    public int MostThoughtMs { get; init; } = 60;

    public void End() => _ended = true;

    /// <summary>Until <see cref="End"/>.</summary>
    public Task RunAsync(int clients) => Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => ClientAsync(client))));

    /// <summary>One call; what came of it is kept.</summary>
    public async Task<ClientCall> CallAsync(WiredGateway gateway, string user, string words, bool isStream, CancellationToken patience = default)
    {
        var call = await SendAsync(gateway, user, words, isStream, patience);
        _calls.Enqueue(call);
        if (call.IsWhole)
            Interlocked.Increment(ref _whole);
        return call;
    }

    public void Dispose() => _http.Dispose();

    private async Task ClientAsync(int client)
    {
        var random = new Random(unchecked(seed * 1_000_003 + client));
        var user = WitnessOrg.Users[client % WitnessOrg.Users.Count];
        while (!_ended)
        {
            var (isStream, dice) = (random.Next(2) == 0, random.NextDouble());
            var words = string.Concat(Enumerable.Repeat("more ", random.Next(10))) + string.Create(CultureInfo.InvariantCulture, $"a word reply:{random.Next(1, 40)} ") + dice switch
            {
                < 0.02 => "fault:500",
                < 0.04 => "fault:cut",
                < 0.05 => "fault:no-usage",
                _ when isStream => string.Create(CultureInfo.InvariantCulture, $"chunk:4 pace:{random.Next(12)}"),
                _ => string.Create(CultureInfo.InvariantCulture, $"wait:{random.Next(60)}"),
            };
            using var patience = new CancellationTokenSource();
            if (dice > 0.97)
                patience.CancelAfter(random.Next(1, 80));
            var call = await CallAsync(product.Gateways[random.Next(product.Gateways.Count)], user, words, isStream, patience.Token);
            await Task.Delay(call.IsWhole ? random.Next(MostThoughtMs) : random.Next(50, 300), CancellationToken.None);
        }
    }

    private async Task<ClientCall> SendAsync(WiredGateway gateway, string user, string words, bool isStream, CancellationToken patience)
    {
        var (id, status, read, isTold) = ((string?)null, (int?)null, new StringBuilder(), !words.Contains("no-usage", StringComparison.Ordinal));
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Url + "/v1/chat/completions")
            {
                Content = new StringContent($$"""{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"{{words}}"}]{{(isStream ? ",\"stream\":true" : "")}}}""", Encoding.UTF8, "application/json"),
            };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", product.Org.KeyOf(user));
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience);
            (id, status) = (answer.Headers.TryGetValues("x-request-id", out var ids) ? ids.Single() : null, (int)answer.StatusCode);
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(patience));
            while (await reader.ReadLineAsync(patience) is { } line)
                read.Append(line).Append('\n');
            var text = read.ToString();
            return new ClientCall(user, id, status, status == 200 && (!isStream || text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal)), FakeProvider.TokensIn(text), isTold);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException or OperationCanceledException)
        {
            return new ClientCall(user, id, status, false, FakeProvider.TokensIn(read.ToString()), isTold);
        }
    }
}
