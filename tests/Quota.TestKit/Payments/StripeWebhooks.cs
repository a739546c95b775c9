using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace Quota.TestKit;

/// <summary>One attempt to deliver an event.</summary>
/// <param name="Status">HTTP status of the receiver, or 0 when it could not be reached.</param>
public sealed record StripeDelivery(string EventId, string Type, int Attempt, int Status);

/// <summary>
/// Signed webhooks, sent one after the other in the order of the events; each up to <see cref="MaxAttempts"/> times, 0.1 s apart and
/// doubling. Faults: <see cref="Pause"/>, <see cref="Release"/> in another order, <see cref="DeliverTwice"/>, <see cref="Drop"/>.
/// </summary>
public sealed class StripeWebhooks : IAsyncDisposable
{
    /// <summary>Attempts before an event is given up.</summary>
    public const int MaxAttempts = 6;

    // Far above what a test makes; older ones are forgotten rather than kept for ever.
    private const int MaxWaiting = 10_000;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly LinkedList<(string Id, string Type, string Payload)> _waiting = new();
    private readonly List<StripeDelivery> _deliveries = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly TimeProvider _time;
    private readonly Task _loop;
    private bool _paused;
    private bool _busy;

    internal StripeWebhooks(string? url, string secret, TimeProvider time)
    {
        (Url, Secret, _time) = (url, secret, time);
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>Where events go; while it is null they are not sent at all.</summary>
    public string? Url { get; set; }

    /// <summary>Key of the signatures, <c>whsec_…</c>.</summary>
    public string Secret { get; set; }

    /// <summary>Send each event two times, as Stripe says may happen.</summary>
    public bool DeliverTwice { get; set; }

    /// <summary>Lose every event that is made from now on.</summary>
    public bool Drop { get; set; }

    /// <summary>Every attempt so far, oldest first.</summary>
    public IReadOnlyList<StripeDelivery> Deliveries
    {
        get
        {
            lock (_gate)
                return [.. _deliveries];
        }
    }

    /// <summary>Events that wait or are being sent.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _waiting.Count + (_busy ? 1 : 0);
        }
    }

    /// <summary>Holds events back.</summary>
    public void Pause()
    {
        lock (_gate)
            _paused = true;
    }

    /// <summary>Sends what was held back, newest first if so wished.</summary>
    public void Release(bool reversed = false)
    {
        lock (_gate)
        {
            _paused = false;
            if (reversed)
            {
                var turned = _waiting.Reverse().ToList();
                _waiting.Clear();
                turned.ForEach(e => _waiting.AddLast(e));
            }
        }

        _work.Release();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
        _http.Dispose();
        _work.Dispose();
        _stopping.Dispose();
    }

    /// <summary>The value of the <c>Stripe-Signature</c> header for a payload sent at this time.</summary>
    public static string Sign(string payload, string secret, DateTimeOffset at)
    {
        var stamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{stamp}.{payload}"));
        return $"t={stamp},v1={Convert.ToHexStringLower(mac)}";
    }

    internal void Add(string id, string type, string payload)
    {
        if (Url is null || Drop)
            return;
        lock (_gate)
        {
            for (var copy = 0; copy < (DeliverTwice ? 2 : 1); copy++)
                _waiting.AddLast((id, type, payload));
            while (_waiting.Count > MaxWaiting)
                _waiting.RemoveFirst();
        }

        _work.Release();
    }

    private async Task LoopAsync()
    {
        try
        {
            while (true)
            {
                await _work.WaitAsync(_stopping.Token);
                while (TryTake(out var next))
                {
                    await DeliverAsync(next.Id, next.Type, next.Payload);
                    lock (_gate)
                        _busy = false;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed: what waits is lost, as with a Stripe that nobody asks again.
        }
    }

    private bool TryTake(out (string Id, string Type, string Payload) next)
    {
        next = default;
        lock (_gate)
        {
            if (_paused || _waiting.First is not { } first)
                return false;
            next = first.Value;
            _waiting.RemoveFirst();
            return _busy = true;
        }
    }

    private async Task DeliverAsync(string id, string type, string payload)
    {
        for (var attempt = 1; attempt <= MaxAttempts; attempt++)
        {
            var status = await PostAsync(payload);
            lock (_gate)
                _deliveries.Add(new StripeDelivery(id, type, attempt, status));
            if (status is >= 200 and < 300 || attempt == MaxAttempts)
                return;
            await Task.Delay(TimeSpan.FromMilliseconds(50 << attempt), _time, _stopping.Token);
        }
    }

    private async Task<int> PostAsync(string payload)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url) { Content = new StringContent(payload) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.Add("Stripe-Signature", Sign(payload, Secret, _time.GetUtcNow()));
        try
        {
            using var answer = await _http.SendAsync(request, _stopping.Token);
            return (int)answer.StatusCode;
        }
        catch (Exception error) when (error is HttpRequestException || error is TaskCanceledException && !_stopping.IsCancellationRequested)
        {
            return 0;
        }
    }
}
