using System.Text.Json;

namespace Quota.Billing.Rating;

/// <summary>
/// One way of turning a quantity into money. Pure: the same units and properties give the same line for ever, because an
/// invoice must be explainable long after it was made.
/// To add another: a class in <c>ChargeModels/</c>, its line in <see cref="RatingRegistration"/>, its cases in the tests' <c>Rating/Cases/</c>.
/// </summary>
internal interface IChargeModel
{
    /// <summary>The word used in plans and in the database, e.g. <c>graduated</c>.</summary>
    string Name { get; }

    /// <summary>Every mistake in a charge's properties; empty when <see cref="Rate"/> may be called with them.</summary>
    IEnumerable<PropertyMistake> Check(JsonElement properties);

    /// <summary>The exact price of <paramref name="units"/> (0 or more), not rounded.</summary>
    /// <exception cref="OverflowException">The amount does not fit a decimal.</exception>
    RatedLine Rate(decimal units, JsonElement properties);
}

/// <summary>
/// What is wrong with one property. <paramref name="Field"/> is its path below the properties (<c>graduated_ranges.1.flat_amount</c>);
/// <paramref name="Code"/> the word clients switch on.
/// </summary>
internal readonly record struct PropertyMistake(string Field, string Code);
