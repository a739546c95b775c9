using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Does for one org what the core does for all.</summary>
internal sealed class PlayedOrders(params string[] gateways) : IEpochOrders
{
    private readonly Lock _gate = new();
    private EpochOrder? _order;

    public bool IsAway { get; set; }

    /// <summary>Declared lost.</summary>
    public IReadOnlyList<string> Lost { get; set; } = [];

    /// <summary>What the snapshot would name.</summary>
    public string? Gathering => _order is { State: EpochOrder.Gathering } order ? order.Epoch : null;

    /// <summary>How often they were asked for.</summary>
    public int Asked { get; private set; }

    public long Generation => _order?.Generation ?? 0;

    public Task<EpochOrder?> AskAsync(string orgId, bool lost, long? again = null)
    {
        if (IsAway)
            throw new StoreClosedException("the core is away");
        lock (_gate)
        {
            Asked++;
            if (_order is not { } order)
            {
                _order = new EpochOrder(orgId, 1, NewEpoch(), EpochOrder.Open, []);
                return Task.FromResult<EpochOrder?>(_order with { State = EpochOrder.Fresh });
            }
            if (order.State == EpochOrder.Open ? lost : again == order.Generation)
                _order = new EpochOrder(orgId, order.Generation + 1, NewEpoch(), EpochOrder.Gathering, [.. gateways.Except(Lost)]) { Lost = Lost };
            return Task.FromResult<EpochOrder?>(_order);
        }
    }

    public Task OpenedAsync(EpochOrder order)
    {
        lock (_gate)
        {
            if (_order is { } now && now.Generation == order.Generation)
                _order = now with { State = EpochOrder.Open, Participants = [] };
        }
        return Task.CompletedTask;
    }

    private static string NewEpoch() => Some.Id().ToString("N")[16..];
}
