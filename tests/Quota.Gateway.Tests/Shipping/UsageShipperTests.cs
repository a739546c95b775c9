using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Shipping;
using Quota.Shared.Usage;
using Quota.Gateway.Spool;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>What comes of a core that answers late, cuts off, refuses and lies.</summary>
public sealed class UsageShipperTests
{
    [Fact]
    public async Task What_was_stored_but_not_answered_is_sent_again_with_the_same_bytes()
    {
        await using var scene = await ShipScene.StartAsync();
        var cuts = 0;
        scene.Core.Fault = (batch, context) =>
        {
            if (batch.IsBeat || Interlocked.Increment(ref cuts) > 3)
                return Task.FromResult(false);
            scene.Core.Store(batch);
            context.Abort();
            return Task.FromResult(true);
        };
        var ids = await scene.CallsAsync(20);
        await scene.ShipAsync();
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
        scene.Core.Findings.ShouldBeEmpty();
        scene.SetAsideLines().ShouldBeEmpty();
    }

    [Fact]
    public async Task Several_batches_are_in_flight_and_the_cursor_waits_for_the_first()
    {
        await using var scene = await ShipScene.StartAsync();
        var (first, release) = (Guid.Empty, new TaskCompletionSource());
        scene.Core.Fault = async (batch, _) =>
        {
            if (batch.Events.Any(one => one.Id == first))
                await release.Task;
            return false;
        };
        var ids = await scene.CallsAsync(7 * 6, settle: false);
        first = ids[0];
        await scene.ShipAsync();
        await Eventually.TrueAsync("all others are stored", () => scene.Core.Stored.Count == 7 * 5);
        scene.CursorOnDisk().ShouldBe(default);
        release.SetResult();
        await scene.ShippedAsync();
        scene.Core.Stored.Count.ShouldBe(7 * 6);
    }

    [Fact]
    public async Task A_core_that_never_answers_gets_no_more_than_what_is_in_flight()
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Core.Fault = async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await scene.CallsAsync(7 * 20, settle: false);
        await scene.ShipAsync();
        await Eventually.TrueAsync("batches are in flight", () => scene.Core.Batches.Count == 3);
        await scene.CallsAsync(7 * 20, settle: false);
        scene.Core.Batches.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Behind_a_batch_that_never_gets_through_others_go_on_but_not_for_ever()
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Options = scene.Options with { BatchSize = 1, InFlight = 2 };
        var most = 2 * ShippingOptions.MostAhead;
        var ids = await scene.CallsAsync(most + 50, settle: false);
        scene.Core.Fault = (batch, context) => FailAsync(context, 500, batch.Events.Any(one => one.Id == ids[0]));
        await scene.ShipAsync();
        await Eventually.TrueAsync("others go on", () => scene.Core.Stored.Count == most - 1);
        scene.Core.Stored.Count.ShouldBe(most - 1);
        scene.Core.Fault = null;
        await scene.ShippedAsync();
        scene.Core.Stored.Count.ShouldBe(most + 50);
    }

    [Fact]
    public async Task A_batch_that_is_too_large_is_halved_and_an_event_that_is_too_large_is_set_aside()
    {
        await using var scene = await ShipScene.StartAsync();
        var ids = await scene.CallsAsync(20);
        scene.Core.Fault = (batch, context) => FailAsync(context, 413, batch.Events.Count > 2 || batch.Events.Any(one => one.Id == ids[9]));
        await scene.ShipAsync();
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids.Where(id => id != ids[9]), ignoreOrder: true);
        var line = JsonElement.Parse(scene.SetAsideLines().ShouldHaveSingleItem());
        (line.GetProperty("status").GetString(), line.GetProperty("event").GetProperty("id").GetGuid()).ShouldBe((ShipStatus.Rejected, ids[9]));
        line.GetProperty("reason").GetString()!.ShouldStartWith("413");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(422)]
    public async Task A_core_that_refuses_everything_sets_nothing_aside(int status)
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Core.Fault = (_, context) => FailAsync(context, status);
        var ids = await scene.CallsAsync(10);
        await scene.ShipAsync();
        await Eventually.TrueAsync("it was tried often", () => scene.Core.Batches.Count > 60);
        scene.SetAsideLines().ShouldBeEmpty();
        scene.CursorOnDisk().ShouldBe(default);
        scene.Core.Fault = null;
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
        scene.SetAsideLines().ShouldBeEmpty();
    }

    [Fact]
    public async Task Conflicts_and_rejects_are_set_aside_with_their_reason_and_shown()
    {
        await using var scene = await ShipScene.StartAsync();
        var ids = await scene.CallsAsync(30);
        var bad = new Dictionary<Guid, string> { [ids[3]] = ShipStatus.Conflict, [ids[4]] = ShipStatus.Rejected, [ids[29]] = ShipStatus.Rejected };
        scene.Core.StatusOf = id => bad.GetValueOrDefault(id);
        await scene.ShipAsync();
        await scene.ShippedAsync();
        var (counts, latest) = scene.Aside.Read(most: 2);
        counts.ShouldBe(new Dictionary<string, int> { ["conflict"] = 1, ["rejected"] = 2 });
        latest.Count.ShouldBe(2);
        foreach (var line in scene.Aside.Read(most: 100).Latest)
        {
            var id = line.GetProperty("event").GetProperty("id").GetGuid();
            (line.GetProperty("status").GetString(), line.GetProperty("reason").GetString()).ShouldBe((bad[id], $"because it is {id}"));
        }
    }

    [Fact]
    public async Task Half_a_line_that_a_crash_left_spoils_no_other()
    {
        await using var scene = await ShipScene.StartAsync();
        var id = await scene.CallAsync();
        scene.Core.StatusOf = _ => ShipStatus.Rejected;
        File.WriteAllText(Path.Combine(scene.Folder, "set-aside.jsonl"), "{\"status\":\"rej");
        await scene.ShipAsync();
        await scene.ShippedAsync();
        scene.Aside.Read(10).Latest.ShouldHaveSingleItem().GetProperty("event").GetProperty("id").GetGuid().ShouldBe(id);
    }

    public static TheoryData<string> Lies => ["too few", "too many", "others", "unknown status", "no JSON"];

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task An_answer_that_cannot_be_told_apart_confirms_nothing(string lie)
    {
        await using var scene = await ShipScene.StartAsync();
        var lies = 0;
        scene.Core.Fault = async (batch, context) =>
        {
            if (batch.IsBeat || Interlocked.Increment(ref lies) > 4)
                return false;
            var results = batch.Events.Select(one => new ShipResult(one.Id, ShipStatus.Accepted, null)).ToList();
            if (lie == "no JSON")
                await context.Response.WriteAsync("<html>");
            else
                await FakeCore.AnswerAsync(context, lie switch
                {
                    "too few" => results[1..],
                    "too many" => [.. results, results[0]],
                    "others" => [.. results[1..], results[0]],
                    _ => results.ConvertAll(result => result with { Status = "fine" }),
                });
            return true;
        };
        var ids = await scene.CallsAsync(20);
        await scene.ShipAsync();
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
        scene.SetAsideLines().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_pause_that_the_core_asks_for_is_kept()
    {
        await using var scene = await ShipScene.StartAsync();
        var tries = new ConcurrentQueue<long>();
        scene.Core.Fault = (batch, context) =>
        {
            if (!batch.IsBeat)
                tries.Enqueue(Stopwatch.GetTimestamp());
            context.Response.Headers.RetryAfter = "1";
            return FailAsync(context, tries.Count == 1 ? 429 : 503, !batch.IsBeat && tries.Count < 3);
        };
        await scene.CallsAsync(1);
        await scene.ShipAsync();
        await scene.ShippedAsync();
        tries.Zip(tries.Skip(1), Stopwatch.GetElapsedTime).ShouldAllBe(pause => pause >= TimeSpan.FromSeconds(1));
        tries.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_graceful_stop_drains_for_a_bounded_time_and_the_rest_stays()
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Options = scene.Options with { DrainTime = TimeSpan.FromMilliseconds(50) };
        var stored = 0;
        scene.Core.Fault = async (batch, context) =>
        {
            if (batch.IsBeat || Interlocked.Increment(ref stored) <= 3)
                return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var ids = await scene.CallsAsync(70, settle: false);
        await scene.ShipAsync();
        await Eventually.TrueAsync("it hangs", () => stored == 6);
        await scene.StopShippingAsync();
        scene.Core.Stored.Count.ShouldBe(21);
        scene.Core.Fault = null;
        await scene.ShipAsync();
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
    }

    [Fact]
    public async Task A_graceful_stop_ships_what_is_there()
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Options = scene.Options with { DrainTime = TimeSpan.FromSeconds(20) };
        await scene.ShipAsync();
        var ids = await scene.CallsAsync(40, settle: false);
        await scene.StopShippingAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
        scene.Spool.Read(scene.CursorOnDisk()).ShouldAllBe(entry => entry.Kind == RecordKind.Mark);   // of what was fsynced meanwhile
    }

    [Fact]
    public async Task An_annotation_of_a_later_batch_waits_for_its_event()
    {
        await using var scene = await ShipScene.StartAsync();
        var release = new TaskCompletionSource();
        var begins = Enumerable.Range(0, 7).Select(_ => ShipScene.Begin(scene.NowMs)).ToArray();
        foreach (var begin in begins)
        {
            await scene.Spool.BeginAsync(begin);
            await scene.EndAsync(begin);
        }
        foreach (var begin in begins)
            scene.Settle(begin);
        await scene.CallsAsync(7);
        scene.Core.Fault = async (batch, _) =>
        {
            if (batch.Events.Any(one => one.Id == begins[0].Id))
                await release.Task;
            return false;
        };
        await scene.ShipAsync();
        await Eventually.TrueAsync("the second batch is stored", () => scene.Core.Stored.Count == 7);
        release.SetResult();
        await scene.ShippedAsync();
        scene.Core.Findings.ShouldBeEmpty();
        scene.Core.Annotated.Count.ShouldBe(14);
    }

    internal static async Task<bool> FailAsync(HttpContext context, int status, bool does = true)
    {
        if (!does)
            return false;
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{{\"status\":{status},\"error\":\"no\"}}"));
        return true;
    }
}
