using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>A core that stores what it is sent, and fails as it is told. It notes what a core must never see.</summary>
internal sealed class FakeCore : IAsyncDisposable
{
    private readonly WebApplication _app = LoopbackHost.Build(0);
    private readonly Lock _gate = new();
    private DateTimeOffset _watermark;

    public static async Task<FakeCore> StartAsync()
    {
        var core = new FakeCore();
        core._app.Run(core.AnswerAsync);
        await core._app.StartAsync();
        return core;
    }

    public Uri Url => new(LoopbackHost.UrlOf(_app));

    /// <summary>What becomes of a batch; null answers it as the core does.</summary>
    public Func<ShippedBatch, HttpContext, Task<bool>>? Fault { get; set; }

    /// <summary>The answer to an event that is not accepted.</summary>
    public Func<Guid, string?> StatusOf { get; set; } = _ => null;

    /// <summary>Called with each batch before anything else.</summary>
    public Action<ShippedBatch>? Seen { get; set; }

    public ConcurrentDictionary<Guid, string> Stored { get; } = [];

    public ConcurrentDictionary<Guid, string> Annotated { get; } = [];

    public ConcurrentQueue<ShippedBatch> Batches { get; } = [];

    /// <summary>What was against the rules.</summary>
    public ConcurrentQueue<string> Findings { get; } = [];

    public DateTimeOffset Watermark
    {
        get { lock (_gate) return _watermark; }
    }

    /// <summary>Stores a batch and says what of each event.</summary>
    public List<ShipResult> Store(ShippedBatch batch)
    {
        lock (_gate)
        {
            List<ShipResult> results = [];
            foreach (var (id, at, json) in batch.Events)
            {
                if (StatusOf(id) is { } status)
                    results.Add(new ShipResult(id, status, $"because it is {id}"));
                else if (Stored.TryAdd(id, json))
                {
                    if (at < _watermark)
                        Findings.Enqueue($"{id} of {at:O} came after the watermark {_watermark:O}");
                    results.Add(new ShipResult(id, ShipStatus.Accepted, null));
                }
                else
                {
                    if (Stored[id] != json)
                        Findings.Enqueue($"{id} came with other bytes");
                    results.Add(new ShipResult(id, ShipStatus.Duplicate, null));
                }
            }
            foreach (var (id, json) in batch.Settled)
            {
                if (!Stored.ContainsKey(id) && StatusOf(id) is null)
                    Findings.Enqueue($"the annotation of {id} came before its event");
                Annotated[id] = json;
            }
            if (batch.Watermark > _watermark)
                _watermark = batch.Watermark.Value;
            return results;
        }
    }

    public static Task AnswerAsync(HttpContext context, IEnumerable<ShipResult> results) =>
        context.Response.WriteAsJsonAsync(new ShipAnswer([.. results]), UsageJson.Default.ShipAnswer);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var gzip = new GZipStream(context.Request.Body, CompressionMode.Decompress);
        using var body = new MemoryStream();
        await gzip.CopyToAsync(body);
        var batch = ShippedBatch.Read(body.ToArray(), context);
        Seen?.Invoke(batch);
        if (!batch.IsBeat)
            Batches.Enqueue(batch);
        if (Fault is not { } fault || !await fault(batch, context))
            await AnswerAsync(context, Store(batch));
    }
}

/// <summary>A batch as it arrived.</summary>
internal sealed record ShippedBatch(
    string Text, string Path, string? Authorization, string? ContentType, DateTimeOffset? Watermark, IReadOnlyList<(Guid Id, DateTimeOffset At, string Json)> Events, IReadOnlyList<(Guid Id, string Json)> Settled)
{
    public bool IsBeat => Events.Count == 0 && Settled.Count == 0;

    public static ShippedBatch Read(byte[] body, HttpContext context)
    {
        var text = Encoding.UTF8.GetString(body);
        var isLines = context.Request.ContentType == "application/x-ndjson";
        var json = JsonElement.Parse(isLines ? "[" + string.Join(',', text.Split('\n', StringSplitOptions.RemoveEmptyEntries)) + "]" : text);
        var (events, settled) = json.ValueKind == JsonValueKind.Array ? (json, default) : (json.GetProperty("events"), json.GetProperty("settled"));
        return new ShippedBatch(text, context.Request.Path, context.Request.Headers.Authorization, context.Request.ContentType,
            json.ValueKind == JsonValueKind.Object && json.TryGetProperty("watermark", out var watermark) ? DateTimeOffset.Parse(watermark.GetString()!, CultureInfo.InvariantCulture) : null,
            [.. events.EnumerateArray().Select(one => (one.GetProperty("id").GetGuid(), one.GetProperty("at").GetDateTimeOffset(), one.GetRawText()))],
            settled.ValueKind == JsonValueKind.Array ? [.. settled.EnumerateArray().Select(one => (one.GetProperty("id").GetGuid(), one.GetRawText()))] : []);
    }
}
