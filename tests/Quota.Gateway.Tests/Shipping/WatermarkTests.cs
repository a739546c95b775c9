using Quota.Gateway.Limits.Store;
using Quota.Gateway.Shipping;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>How far time is said to be done with.</summary>
public sealed class WatermarkTests
{
    private static DateTimeOffset At(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);

    private static Watermark Of(ShipScene scene) => new(scene.Spool, new WatermarkClock(() => scene.NowMs, ShipScene.MarginMs));

    [Fact]
    public async Task An_open_call_holds_it_until_its_event_is_confirmed()
    {
        await using var scene = await ShipScene.StartAsync();
        var watermark = Of(scene);
        var begin = ShipScene.Begin(scene.NowMs);
        await scene.Spool.BeginAsync(begin);
        scene.NowMs += 60_000;
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(begin.At);
        await scene.EndAsync(begin);
        scene.NowMs += 60_000;
        watermark.Advance();
        watermark.Advance();
        watermark.Told.ShouldBe(begin.At);   // ended, and not confirmed
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(At(scene.NowMs - ShipScene.MarginMs));
    }

    [Fact]
    public async Task Nothing_is_said_before_the_backlog_of_an_earlier_run_is_shipped()
    {
        await using var scene = await ShipScene.StartAsync();
        await scene.CallsAsync(3);
        scene.Spool.Dispose();
        scene.OpenSpool();
        scene.NowMs += 60_000;
        var watermark = Of(scene);
        watermark.Confirm(scene.Spool.Start);
        watermark.Told.ShouldBeNull();
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(At(scene.NowMs - ShipScene.MarginMs));
    }

    [Fact]
    public async Task A_call_that_an_earlier_run_left_open_holds_it()
    {
        await using var scene = await ShipScene.StartAsync();
        var begin = ShipScene.Begin(scene.NowMs);
        await scene.Spool.BeginAsync(begin);
        scene.Spool.Dispose();
        scene.OpenSpool();
        scene.NowMs += 60_000;
        var watermark = Of(scene);
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(begin.At);
    }

    [Fact]
    public async Task A_call_that_comes_to_begin_after_all_that_was_promised_is_refused()
    {
        await using var scene = await ShipScene.StartAsync();
        var late = ShipScene.Begin(scene.NowMs);   // reserved, and then the process stood still
        scene.NowMs += ShipScene.MarginMs + 1;
        Of(scene).Advance();
        await Should.ThrowAsync<StoreClosedException>(async () => await scene.Spool.BeginAsync(late));
        scene.Spool.OpenCalls.ShouldBe(0);
    }

    [Fact]
    public async Task An_estimate_that_may_be_corrected_holds_it_until_the_truth_has_come_or_never_will()
    {
        await using var scene = await ShipScene.StartAsync();
        var (watermark, events) = (Of(scene), scene.Spool.OpenEvents);
        var begin = ShipScene.Begin(scene.NowMs);
        await scene.Spool.BeginAsync(begin);
        events.AwaitTruth(begin.Id, begin.At);
        await scene.EndAsync(begin);
        scene.NowMs += 60_000;
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(begin.At);
        await scene.Spool.BeginAsync(begin with { Id = Guid.CreateVersion7(At(scene.NowMs)), Corrects = begin.Id });   // not refused
        events.HaveTruth(begin.Id);
        watermark.Confirm(scene.Spool.End);
        watermark.Told.ShouldBe(begin.At);
    }

    [Fact]
    public async Task An_idle_gateway_keeps_it_moving()
    {
        await using var scene = await ShipScene.StartAsync();
        await scene.ShipAsync();
        for (var i = 0; i < 2; i++)
        {
            scene.NowMs += 60_000;
            await Eventually.TrueAsync("it is told", () => scene.Core.Watermark == At(scene.NowMs - ShipScene.MarginMs), TimeSpan.FromSeconds(5));
        }
        scene.Core.Batches.ShouldBeEmpty();
    }
}
