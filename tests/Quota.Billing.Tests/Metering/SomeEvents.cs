using System.Text;
using CsCheck;
using Quota.Billing.Metering;

namespace Quota.Billing.Tests.Metering;

/// <summary>Events for folds; a time is a number of seconds after <see cref="Start"/>, negative ones lie before the period.</summary>
internal static class SomeEvents
{
    public static readonly DateTimeOffset Start = new(2026, 10, 1, 0, 0, 0, TimeSpan.Zero);

    /// <param name="value">Decimal text is a number; null is an absent property.</param>
    public static MeteredEvent Event(double seconds, string? value, bool correction = false, bool removal = false) =>
        new(Start.AddSeconds(seconds), Guid.Empty, correction, Value(value), removal);

    public static PropertyValue Value(string? text) => text is null ? default : PropertyValue.OfText(Encoding.UTF8.GetBytes(text));

    public static decimal Units(IAggregation aggregation, IEnumerable<MeteredEvent> events, double length = 100, bool recurring = false)
    {
        var fold = aggregation.Start(Start, Start.AddSeconds(length), recurring);
        foreach (var one in events)
            fold.Add(one);
        return fold.Units;
    }

    /// <summary>One of these, each as likely.</summary>
    public static Gen<string> Any(params string[] of) => Gen.Int[0, of.Length - 1].Select(i => of[i]);
}
