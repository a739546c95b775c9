using CsCheck;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Makes scenarios in which limits are small enough to bind and different enough to matter.</summary>
internal static class ScenarioGen
{
    private static readonly string[] Zones = ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/Santiago", "Pacific/Kiritimati"];

    private static readonly Gen<string> Zone = Gen.OneOf(Zones);

    private static readonly Gen<string> Mode = Gen.Frequency((6, LimitTerms.Hard), (2, LimitTerms.Soft), (1, LimitTerms.Shadow));

    private static readonly Gen<decimal[]> Thresholds = Gen.Frequency<decimal[]>((3, []), (2, [0.5m, 1m]), (1, [0.1m, 0.5m, 0.8m, 1m]), (1, [0.25m, 0.6m]));

    private static readonly Gen<(string Meter, long Units)> Meter = Gen.Frequency(
        (3, Gen.Int[1, 6].Select(units => (Meters.Requests, (long)units))),
        (1, Gen.Int[50, 800].Select(units => (Meters.InputTokens, (long)units))),
        (2, Gen.Int[50, 800].Select(units => (Meters.OutputTokens, (long)units))),
        (3, Gen.Int[100, 1500].Select(units => (Meters.TotalTokens, (long)units))),
        (4, Gen.Int[500, 20_000].Select(units => (Meters.Spend, (long)units))),
        (1, Gen.Int[500, 20_000].Select(units => (Meters.Cost, (long)units))),
        (2, Gen.Int[1, 3].Select(units => (Meters.Concurrency, (long)units))),
        (1, Gen.Int[1, 8].Select(units => ("images", (long)units))));

    private static readonly Gen<(string Kind, string? StartsOn)> Window = Gen.Frequency(
        (3, Gen.Const(("rate", (string?)null))),
        (1, Gen.Const(("hour", (string?)null))),
        (2, Gen.Const(("day", (string?)null))),
        (1, Gen.OneOf<string?>(null, "sunday", "thursday").Select(day => ("week", day))),
        (3, Gen.OneOf<string?>(null, "1", "31", "15").Select(day => ("month", day))),
        (1, Gen.OneOf<string?>(null, "02-28", "04-06").Select(day => ("quarter", day))),
        (1, Gen.OneOf<string?>(null, "07-01").Select(day => ("year", day))),
        (2, Gen.Const(("lifetime", (string?)null))));

    private static readonly Gen<(int Node, string? Each)> Place = Gen.Frequency<(int, string?)>(
        (5, Gen.Int[0, 9].Select(node => (node, (string?)null))),
        (3, Gen.OneOf<(int, string?)>((0, null), (1, null))),
        (2, Gen.OneOf<(int, string?)>((0, "team"), (0, "user"), (0, "key"), (1, "user"), (1, "key"), (3, "key"))));

    private static readonly Gen<(ModelLimit Limit, bool IsTwin)> Limit =
        from place in Place
        from meter in Meter
        from window in Window
        from every in Gen.OneOf("second", "minute", "hour", "hour")
        from zone in Gen.OneOf(Zone, Gen.Const((string?)null)!)
        from burst in Gen.OneOf(0, 50, 100, 300)
        from mode in Mode
        from clamp in Gen.Frequency((3, true), (1, false))
        from thresholds in Thresholds
        from isNew in Gen.Frequency((9, false), (1, true))
        from twin in Gen.Frequency((3, false), (1, true))
        select (new ModelLimit(0, place.Node, place.Each, meter.Meter, window.Kind, every, window.Kind is "rate" or "lifetime" || meter.Meter == Meters.Concurrency ? null : zone,
            meter.Meter == Meters.Concurrency ? null : window.StartsOn, meter.Units, burst == 0 ? null : Math.Max(1, meter.Units * burst / 100), mode, clamp, thresholds, isNew && window.Kind != "rate"), twin);

    private static readonly Gen<int> Gateway = Gen.Int[0, 2];
    private static readonly Gen<int> Key = Gen.Frequency((4, 6), (2, 7), (1, 8), (1, 9));
    // Mostly one of the first few, so that histories of one request grow long.
    private static readonly Gen<int> Request = Gen.Frequency((3, Gen.Int[0, 1]), (3, Gen.Int[0, 11]));
    private static readonly Gen<int> Billionths = Gen.Frequency((3, 0), (1, 500_000_000), (1, 1), (1, 999_999_999), (1, 333_333_333));

    private static readonly Gen<Step> Steps = Gen.Frequency<Step>(
        (30, from gateway in Gateway
             from key in Key
             from input in Gen.Int[0, 120]
             from bound in Gen.Int[0, 300]
             from least in Gen.OneOf(-1, -1, 0, 4, 16)
             from choices in Gen.Frequency((4, 1), (1, 3))
             from price in Gen.Int[0, ModelRun.Prices.Count - 1]
             from images in Gen.Int[0, 3]
             select (Step)new Step.Reserve(gateway, key, input, least < 0 ? bound : Math.Min(least, bound), bound, choices, price, images)),
        (3, Gen.Select(Gateway, Request, (gateway, request) => (Step)new Step.Again(gateway, request))),
        (18, Gen.Select(Gateway, Request, Gen.OneOf(0, 40, 90, 100, 100, 101, 130, 250), Billionths, (gateway, request, percent, billionths) => (Step)new Step.Settle(gateway, request, percent, billionths))),
        (6, Gen.Select(Gateway, Request, (gateway, request) => (Step)new Step.Release(gateway, request))),
        (12, Gen.Select(Gateway, Request, Gen.OneOf(50, 100, 110, 120, 150, 300), Gen.Frequency((2, false), (1, true)), (gateway, request, percent, old) => (Step)new Step.Extend(gateway, request, percent, old))),
        (8, Gen.Const((Step)new Step.Reap())),
        (5, Gen.Select(Gateway, Key, Gen.Int[-6, 11], Gen.Int[0, 200], Billionths, (gateway, key, request, units, billionths) => (Step)new Step.Charge(gateway, key, Math.Max(-1, request), units, billionths))),
        (5, Gen.Select(Gateway, Key, Gen.Int[0, 9], Gen.Int[-900, 900], Gen.Int[1, 4], (gateway, key, counter, units, version) => (Step)new Step.Seed(gateway, key, counter, units, version))),
        (6, Gen.OneOf<long>(1, 137, 999, 12_000, 61_000, 600_000, 3_600_000, 90_000_000, 40L * 86_400_000, -5_000, -3_700_000).Select(by => (Step)new Step.Shift(by))),
        (2, Gen.Select(Zone, Gen.Int[-2_000, 2_000], (zone, ms) => (Step)new Step.ToMonthEnd(zone, ms))),
        (6, Gen.Select(Gen.Int[0, 7], Gen.Int[1, 7], Gen.OneOf(40, 80, 100, 150, 300), Mode, Gen.Bool, Thresholds,
            (limit, gateways, percent, mode, clamp, thresholds) => (Step)new Step.Change(limit, gateways, percent, mode, clamp, thresholds))),
        (1, Gen.Select(Gateway, Key, (gateway, key) => (Step)new Step.Unknown(gateway, key))));

    /// <summary>One to eight limits and up to thirty steps.</summary>
    public static readonly Gen<Scenario> Scenarios = Gen.Select(Limit.Array[1, 8], Steps.Array[1, 30], (limits, steps) => new Scenario(Numbered(limits), steps));

    /// <summary>A few reserves, then steps that are all in flight at once. Time stands still.</summary>
    public static readonly Gen<Scenario> Storms = Gen.Select(Limit.Array[1, 6], Steps.Where(step => step is not (Step.Shift or Step.ToMonthEnd or Step.Change or Step.Unknown or Step.Charge or Step.Seed)).Array[8, 40],
        (limits, steps) => new Scenario([.. Numbered(limits).Select(limit => limit with { IsNew = false })], steps));

    /// <summary>Without rates and clock changes: what is decided does not hang on the millisecond.</summary>
    public static readonly Gen<Scenario> Bursts = Gen.Select(Limit.Array[1, 6], Steps.Where(step => step is not (Step.Shift or Step.ToMonthEnd or Step.Change or Step.Unknown or Step.Charge)).Array[4, 40],
        (limits, steps) => new Scenario([.. Numbered([.. limits.Select(limit => (limit.Limit with { Kind = limit.Limit.Kind == "rate" ? "year" : limit.Limit.Kind, StartsOn = limit.Limit.Kind == "rate" ? null : limit.Limit.StartsOn }, limit.IsTwin))])], steps));

    /// <summary>A twin counts the same as the limit before it, with another amount or mode.</summary>
    private static ModelLimit[] Numbered((ModelLimit Limit, bool IsTwin)[] limits)
    {
        var numbered = new ModelLimit[limits.Length];
        for (var i = 0; i < limits.Length; i++)
        {
            var (limit, twin) = limits[i];
            numbered[i] = twin && i > 0
                ? numbered[i - 1] with { Number = i, Units = Math.Max(1, numbered[i - 1].Units * 7 / 10), Mode = limit.Mode, Clamp = limit.Clamp, Thresholds = limit.Thresholds, IsNew = limit.IsNew && numbered[i - 1].Kind != "rate" }
                : limit with { Number = i };
        }
        return numbered;
    }
}
