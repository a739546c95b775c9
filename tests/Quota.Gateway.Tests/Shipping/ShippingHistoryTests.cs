using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>
/// Random histories of calls, faults, crashes and restarts: every event is stored or set aside, the cursor passes no other, the watermark
/// passes no event that is still to come, and annotations come after their events.
/// </summary>
public sealed class ShippingHistoryTests
{
    private const int Histories = 8;

    [Fact]
    public async Task No_history_loses_an_event_or_runs_ahead()
    {
        for (var seed = 0; seed < LongForm.Pick(Histories, 100 * Histories); seed++)
            await new History(seed).RunAsync();
    }

    private sealed class History(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly Lock _gate = new();
        private readonly List<BeginRecord> _open = [], _unsettled = [];
        private readonly HashSet<Guid> _ended = [];
        private ShipScene _scene = null!;

        public async Task RunAsync()
        {
            await using var scene = _scene = await ShipScene.StartAsync(core => ShipScene.Of(core, segmentBytes: 20_000));
            scene.Options = scene.Options with { BatchSize = Chance(2) ? 5 : 1, InFlight = 1 + _random.Next(4), DrainTime = TimeSpan.Zero };
            scene.Core.Fault = FaultAsync;
            scene.Core.StatusOf = id => id.GetHashCode() % 17 == 0 ? ShipStatus.Conflict : null;
            var all = new List<SpoolEntry>();
            for (var run = 0; run < 3; run++)
            {
                await scene.ShipAsync();
                for (var step = 0; step < 100; step++)
                {
                    await StepAsync();
                    if (Chance(10))
                        CheckCursor(all);
                }
                await CrashAsync(all);
            }
            scene.Core.Fault = null;
            await scene.ShipAsync();
            foreach (var begin in _open)
                await EndAsync(begin);
            await scene.ShippedAsync();
            CheckCursor(all);
            var told = scene.Core.Stored.Keys.Concat(SetAside()).ToHashSet();
            _ended.Where(id => !told.Contains(id)).ShouldBeEmpty($"seed {seed}: lost");
            told.Where(id => !_ended.Contains(id)).ShouldBeEmpty($"seed {seed}: invented");
            scene.NowMs += 10_000;
            await Eventually.TrueAsync($"seed {seed}: the watermark moves on", () => scene.Core.Watermark.ToUnixTimeMilliseconds() == scene.NowMs - ShipScene.MarginMs);
            scene.Core.Findings.ShouldBeEmpty($"seed {seed}");
        }

        private async Task StepAsync()
        {
            _scene.NowMs += _random.Next(20);
            switch (_random.Next(6))
            {
                case 0 or 1:
                    // A call that was reserved a while ago, now and then before anything that the margin allows for.
                    var begin = ShipScene.Begin(_scene.NowMs - _random.Next(Chance(5) ? 300 : 90));
                    try
                    {
                        await _scene.Spool.BeginAsync(begin);
                        _open.Add(begin);
                    }
                    catch (StoreClosedException)
                    {
                    }
                    break;
                case 2 or 3 or 4 when _open.Count > 0:
                    await EndAsync(Take(_open));
                    break;
                case 5 when _unsettled.Count > 0:
                    _scene.Settle(Take(_unsettled));
                    break;
                default:
                    await Task.Delay(1);
                    break;
            }
        }

        private async Task EndAsync(BeginRecord begin)
        {
            lock (_gate)
                _ended.Add(begin.Id);
            await _scene.EndAsync(begin);
            _unsettled.Add(begin);
        }

        /// <summary>Everything in flight is dropped; sometimes the cursor that is found again is an older one.</summary>
        private async Task CrashAsync(List<SpoolEntry> all)
        {
            var cursor = Path.Combine(_scene.Folder, "cursor");
            var older = Chance(2) && File.Exists(cursor) ? File.ReadAllText(cursor) : null;
            await Task.Delay(_random.Next(5));
            await _scene.StopShippingAsync();
            Collect(all);
            CheckCursor(all);
            if (older is not null)
                File.WriteAllText(cursor, older);
            _scene.Spool.Dispose();
            _scene.OpenSpool();
            _open.Clear();
            _unsettled.Clear();
            foreach (var call in _scene.Spool.Recovered)
                (call.End is null ? _open : _unsettled).Add(call.Begin);
        }

        /// <summary>Notes where each event lies before its segment may be trimmed; while nothing is shipped.</summary>
        private void Collect(List<SpoolEntry> all)
        {
            var (start, last) = (_scene.Spool.Start, all.Count > 0 ? all[^1].Next : default);
            all.AddRange(_scene.Spool.Read(last.CompareTo(start) > 0 ? last : start).Where(entry => entry.Kind == RecordKind.End));
        }

        private void CheckCursor(List<SpoolEntry> all)
        {
            var cursor = _scene.CursorOnDisk();
            var told = _scene.Core.Stored.Keys.Concat(SetAside()).ToHashSet();
            foreach (var entry in all.Where(entry => entry.Next.CompareTo(cursor) <= 0))
                told.ShouldContain(Quota.Gateway.Shipping.ShipBatch.IdOf(entry.Payload), $"seed {seed}: the cursor {cursor} has passed it");
        }

        private IEnumerable<Guid> SetAside() => _scene.SetAsideLines().Select(line => System.Text.Json.JsonElement.Parse(line).GetProperty("event").GetProperty("id").GetGuid());

        private async Task<bool> FaultAsync(ShippedBatch batch, Microsoft.AspNetCore.Http.HttpContext context)
        {
            int fault;
            lock (_gate)
                fault = _random.Next(14);
            switch (fault)
            {
                case 0:
                    context.Abort();
                    return true;
                case 1:
                    _scene.Core.Store(batch);
                    context.Abort();
                    return true;
                case 2:
                    return await UsageShipperTests.FailAsync(context, 503);
                case 3:
                    context.Response.Headers.RetryAfter = "0";
                    return await UsageShipperTests.FailAsync(context, 429);
                case 4:
                    return await UsageShipperTests.FailAsync(context, 413, batch.Events.Count > 1);
                case 5:
                    _scene.Core.Store(batch);
                    return await UsageShipperTests.FailAsync(context, 500);
                case 6 when batch.Events.Count > 0:
                    await FakeCore.AnswerAsync(context, _scene.Core.Store(batch).Skip(1));
                    return true;
                case 7 when batch.Events.Count > 1:
                    var results = _scene.Core.Store(batch);
                    await FakeCore.AnswerAsync(context, results.Skip(1).Append(results[0]));
                    return true;
                case 8 or 9:
                    await Task.Delay(fault - 6);
                    return false;
                default:
                    return false;
            }
        }

        private BeginRecord Take(List<BeginRecord> from)
        {
            var index = _random.Next(from.Count);
            var taken = from[index];
            from.RemoveAt(index);
            return taken;
        }

        private bool Chance(int of)
        {
            lock (_gate)
                return _random.Next(of) == 0;
        }
    }
}
