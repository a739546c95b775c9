namespace Quota.Billing.Metering;

/// <summary>
/// What rollups keep of events: enough for a count, a sum, an average, the largest and the smallest. Adding up in any order and grouping
/// gives the same. The default is that of no events. Numbers are in <see cref="PicoUnits"/>.
/// </summary>
/// <param name="Calls">Events that are no corrections.</param>
/// <param name="Total">The exact sum of all their values, corrections included; what is no number counts 0.</param>
/// <param name="Most">The largest number among those that are no corrections; null when there is none.</param>
/// <param name="Least">The smallest, likewise.</param>
internal readonly record struct UsageSums(long Calls, Int128 Total, Int128? Most, Int128? Least)
{
    /// <exception cref="OverflowException">Beyond a hundred million of the largest quantities.</exception>
    public UsageSums Plus(in MeteredEvent one)
    {
        Int128? number = one.Value.Kind == PropertyKind.Number && !one.IsCorrection ? one.Value.Pico : null;
        return Plus(new UsageSums(one.IsCorrection ? 0 : 1, one.Value.Pico, number, number));
    }

    /// <exception cref="OverflowException">Beyond a hundred million of the largest quantities.</exception>
    public UsageSums Plus(in UsageSums other) => new(
        checked(Calls + other.Calls), checked(Total + other.Total),
        Most is { } most && other.Most is { } another ? Int128.Max(most, another) : Most ?? other.Most,
        Least is { } least && other.Least is { } one ? Int128.Min(least, one) : Least ?? other.Least);
}
