namespace Quota.Billing.Rating;

/// <summary>
/// What a quantity costs, exactly, and how that comes about. <see cref="Amount"/> is the sum of the steps, in major units, never
/// rounded here: a fee is rounded once, when it is written.
/// </summary>
/// <param name="Units">The quantity that was rated, 0 or more.</param>
/// <param name="Steps">In order of their bounds; never empty.</param>
internal sealed record RatedLine(decimal Units, IReadOnlyList<RatedStep> Steps)
{
    public decimal Amount { get; } = Steps.Sum(step => step.Amount);

    /// <summary>Average price of a unit, for display; 0 when there are no units.</summary>
    public decimal UnitAmount => Units == 0 ? 0 : Amount / Units;
}

/// <summary>
/// The part of a line that fell into one tier: units above <paramref name="From"/> up to and including <paramref name="To"/>
/// (null: no upper bound). <paramref name="Units"/> may be 0 when only the flat amount is owed.
/// </summary>
internal sealed record RatedStep(decimal From, decimal? To, decimal Units, decimal UnitAmount, decimal FlatAmount)
{
    public decimal Amount => Units * UnitAmount + FlatAmount;
}
