using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// This gateway's part in putting an org's counters together anew with all others (protocols A9): the core says into which epoch and who
/// takes part, each puts what it has counted and holds, and who is last opens it. Every step may be repeated, also by the next run of this
/// gateway; where that cannot be, all begin once more. Not for two callers at once.
/// </summary>
internal sealed class OrgGathering(string orgId, StoreConnection connection, LimitsOptions options, GatewayIdentity identity, StoreEvents events)
{
    /// <summary>Orders that are followed one after the other, before the next look.</summary>
    private const int MostOrders = 3;

    private readonly EpochFill _fill = new(orgId, connection, options, identity);

    /// <summary>What this run puts: one cut of what it knows, however often it is sent.</summary>
    private (string Epoch, IReadOnlyList<StoreOp[]> Parts)? _mine;

    /// <summary>Takes part in what the core has ordered, or orders it.</summary>
    /// <param name="isLost">The store has lost what this gateway knows.</param>
    /// <param name="called">The epoch that the snapshot names: what lost gateways had used is seeded by that one and none before it.</param>
    /// <param name="keep">Notes the new epoch for later runs; called before anything is put into it.</param>
    /// <returns>As the store answers (see <c>gather.lua</c>), and the order. Null: nothing is gathered, and what the store says of itself counts.</returns>
    /// <exception cref="StoreClosedException">The core does not answer, or calls of an earlier run are still being recovered.</exception>
    public async Task<(EpochAnswer Answer, EpochOrder Order)?> TakePartAsync(IEpochOrders core, bool isLost, string? called, Action<string> keep)
    {
        var order = await core.AskAsync(orgId, isLost);
        for (var i = 0; i < MostOrders; i++)
        {
            if (order is not { State: EpochOrder.Gathering })
                return null;
            if (!order.Participants.Contains(identity.Instance) || (order.Lost.Count > 0 && order.Epoch != called))
                return (new(EpochAnswer.Gathering, order.Epoch), order);
            var answer = await AskAsync("begin", order, string.Join(' ', order.Participants));
            if (answer.Result == EpochAnswer.Stale)
                return null;
            if (answer.Result == EpochAnswer.Gathering)
            {
                keep(order.Epoch);
                answer = await PutAsync(order, answer);
            }
            if (answer.Result != EpochAnswer.Lost)
                return (answer, order);
            order = await core.AskAsync(orgId, lost: true, again: order.Generation);
        }
        throw new StoreClosedException("the counters are being put together, and were lost again meanwhile");
    }

    private async Task<EpochAnswer> PutAsync(EpochOrder order, EpochAnswer begun)
    {
        var progress = begun.Rest;
        if (progress == "done")
            return begun;
        if (_mine is not { } mine || mine.Epoch != order.Epoch)
        {
            if (progress != "0")
                return new(EpochAnswer.Lost);   // by an earlier run, of what it knew then
            _mine = mine = (order.Epoch, [.. events.Content(orgId).Chunk(EpochFill.MostAtOnce)]);
            events.Gathering(orgId, order, mine.Parts.Sum(part => part.Length));
        }
        for (var i = int.Parse(progress, CultureInfo.InvariantCulture); i < mine.Parts.Count; i++)
        {
            if (await _fill.PutAsync(order.Epoch, [new PartOp(i), .. mine.Parts[i]]) is not null)
                return new(EpochAnswer.Lost);
        }
        return await AskAsync("done", order, mine.Parts.Count.ToString(CultureInfo.InvariantCulture));
    }

    private Task<EpochAnswer> AskAsync(string what, EpochOrder order, string last) => EpochAnswer.AskAsync(
        connection, StoreConnection.Gather, [QuotaKeys.Epoch(orgId), QuotaKeys.Gathering(orgId)], [what, identity.Instance, order.Epoch, order.Generation, last]);
}
