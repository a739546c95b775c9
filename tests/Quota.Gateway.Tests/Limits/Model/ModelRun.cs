using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// Plays a scenario on a real store and on the model, step by step, and compares after each: the reply, every counter, every hold. Beside
/// the model it audits each step by A1's own formula, from what the store says alone.
/// </summary>
internal sealed partial class ModelRun : IDisposable
{
    /// <summary>Nano-units per input and per output token; the last is finer than the store counts.</summary>
    public static readonly IReadOnlyList<(decimal Input, decimal Output)> Prices = [(0, 0), (1, 2), (0.15m, 37.5m), (1.333333333m, 0.000000001m), (0.1m, 0.6m), (2.00000000004m, 3.99999999999m)];

    private static readonly TimeSpan Behind = TimeSpan.FromSeconds(-2.5);

    private readonly StoreFixture _fixture;
    private readonly Scenario _scenario;
    private readonly string _org = Some.Org();
    private readonly DateTimeOffset _began = TimeProvider.System.GetUtcNow();
    private readonly GatewayClock[] _clocks = [new(TimeProvider.System), new(new SkewedTime(Behind)), new(TimeProvider.System)];
    private readonly QuotaStore[] _stores;
    private readonly ModelLimit[][] _limits;
    private readonly ControlState?[] _compiled = new ControlState?[3];
    private readonly QuotaModel _model = new();
    private readonly List<Asked> _asked = [];
    private Dictionary<string, Observed> _observed = [];
    private long _reaps;
    private string _epoch = "";

    public ModelRun(StoreFixture fixture, Scenario scenario)
    {
        (_fixture, _scenario) = (fixture, scenario);
        _stores = [.. Enumerable.Range(0, 3).Select(i => fixture.Store(_clocks[i], i == 2 ? TimeSpan.FromMilliseconds(1) : null, $"g{i}"))];
        _limits = [.. Enumerable.Range(0, 3).Select(_ => scenario.Limits.ToArray())];
    }

    private IDatabase Database => _fixture.Connection.GetDatabase();

    private long NowMs => _clocks[0].GetUtcNow().ToUnixTimeMilliseconds();

    /// <exception cref="ModelDiffersException">At the first step after which store and model differ.</exception>
    public async Task RunAsync()
    {
        _epoch = await _stores[0].Epoch(_org).OpenAsync();
        for (var i = 0; i < _scenario.Steps.Count; i++)
        {
            try
            {
                await PlayAsync(_scenario.Steps[i]);
            }
            catch (Exception problem)
            {
                throw new ModelDiffersException($"step {i} ({_scenario.Steps[i]}): {problem.Message}", problem);
            }
        }
        await CheckFactsAsync();
        await CheckKeysAsync();
    }

    public void Dispose()
    {
        foreach (var store in _stores)
            store.Dispose();
    }

    private async Task PlayAsync(Step step)
    {
        switch (step)
        {
            case Step.Reserve reserve:
                await ReserveAsync(reserve.Gateway, await NewAsync(reserve));
                break;
            case Step.Again again when Of(again.Request) is { Worst.Length: > 0 } asked:
                await AgainAsync(again.Gateway, asked);
                break;
            case Step.Settle settle when Of(settle.Request) is { Hold: not null } asked:
                await SettleAsync(settle, asked);
                break;
            case Step.Release release when Of(release.Request) is { Hold: not null } asked:
                await CompareAsync("release", asked.Id, () => _stores[release.Gateway].ReleaseAsync(_org, asked.Id, IdsOf(asked.Hold!)), at => _model.Release(asked.Id, at), Audit.Shrinks);
                break;
            case Step.Extend extend when Of(extend.Request) is { Hold: not null } asked:
                await ExtendAsync(extend, asked);
                break;
            case Step.Reap:
                await ReapAsync();
                break;
            case Step.Charge charge:
                await ChargeAsync(charge);
                break;
            case Step.Seed seed:
                await SeedAsync(seed);
                break;
            case Step.Shift shift:
                Shift((_clocks[0].OffsetMs ?? 0) + shift.ByMs);
                break;
            case Step.ToMonthEnd turn:
                var end = PlainCalendar.Of(new LimitWindow { Kind = "month" }, TimeZoneInfo.FindSystemTimeZoneById(turn.Zone), NowMs + 3_600_000).End;
                Shift((_clocks[0].OffsetMs ?? 0) + end + turn.Ms - NowMs);
                break;
            case Step.Change change when change.Limit < _scenario.Limits.Count:
                Apply(change);
                break;
            case Step.Unknown unknown:
                await UnknownAsync(unknown);
                break;
        }
    }

    private Asked? Of(int request) => _asked.Count == 0 ? null : _asked[request % _asked.Count];

    private void Shift(long offsetMs)
    {
        foreach (var clock in _clocks)
            clock.Shift(offsetMs);
    }

    private void Apply(Step.Change change)
    {
        for (var i = 0; i < 3; i++)
        {
            if ((change.Gateways >> i & 1) == 0)
                continue;
            var limit = _scenario.Limits[change.Limit];
            _limits[i][change.Limit] = limit with
            {
                Units = Math.Max(1, limit.Units * change.Percent / 100), Burst = limit.Burst is { } burst ? Math.Max(1, burst * change.Percent / 100) : null,
                Mode = change.Mode, Clamp = change.Clamp, Thresholds = change.Thresholds,
            };
            _compiled[i] = null;
        }
    }

    private IReadOnlyList<LimitCounter> PlanOf(int gateway, int key)
    {
        var state = _compiled[gateway] ??= Scenario.Compile(_org, _limits[gateway], _began);
        return state.Callers.Single(caller => caller.Key.Id == Scenario.IdOf(_org, key)).Plan.For("gpt-4o-mini", "openai", "chat");
    }
}
