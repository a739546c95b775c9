namespace Quota.Billing.Invoicing;

/// <summary>
/// A stretch of time that one invoice covers: half-open [<see cref="From"/>, <see cref="To"/>), both UTC instants, never empty.
/// An event at exactly <see cref="To"/> belongs to the next period.
/// </summary>
internal readonly record struct BillingPeriod(DateTimeOffset From, DateTimeOffset To)
{
    /// <summary>For display: Lago's readers expect 23:59:59, not the next midnight.</summary>
    public DateTimeOffset LastMoment => To.AddMilliseconds(-1);
}

/// <summary>
/// The only place with calendar sums. Months begin at the start of a day in the customer's time zone: the first of the month
/// (calendar) or the day of the month a subscription began (anniversary; on the last day of months that are too short).
/// </summary>
/// <remarks>
/// The start of a day is its first instant: later than midnight where clocks skip midnight, the earlier one where it happens twice.
/// A month may therefore be an hour longer or shorter than 24 hours a day; usage in it is whatever happened between its instants.
/// </remarks>
internal sealed class BillingCalendar
{
    private readonly TimeZoneInfo _zone;
    private readonly int _anchorDay;

    private BillingCalendar(TimeZoneInfo zone, int anchorDay) => (_zone, _anchorDay) = (zone, anchorDay);

    /// <summary>Months from the first.</summary>
    public static BillingCalendar Calendar(TimeZoneInfo zone) => new(zone, 1);

    /// <summary>Months from the local day on which <paramref name="start"/> fell.</summary>
    public static BillingCalendar Anniversary(TimeZoneInfo zone, DateTimeOffset start) => new(zone, LocalDay(zone, start).Day);

    /// <summary>The whole month that contains <paramref name="at"/>.</summary>
    public BillingPeriod Containing(DateTimeOffset at)
    {
        var day = LocalDay(_zone, at);
        var month = new DateOnly(day.Year, day.Month, 1);
        if (at < Boundary(month))
            month = month.AddMonths(-1);
        return new BillingPeriod(Boundary(month), Boundary(month.AddMonths(1)));
    }

    /// <summary>
    /// The period that begins where <paramref name="last"/> ended. Nothing is left out and nothing counted twice when the customer
    /// moved to another time zone in between: the two days' margin is more than any two zones differ, so the next boundary is
    /// never the one just passed.
    /// </summary>
    public BillingPeriod After(BillingPeriod last) => new(last.To, Containing(last.To.AddDays(2)).To);

    /// <summary>
    /// Which part of a month's base fee a period owes: the days it touches, first and last included, of the days of the whole
    /// month; 1 for a whole month.
    /// </summary>
    public (int Days, int Of) Share(BillingPeriod period)
    {
        var month = Containing(period.To.AddTicks(-1));
        var from = period.From > month.From ? period.From : month.From;
        return (DaysTouched(from, period.To), DaysTouched(month.From, month.To));
    }

    /// <summary>The local day on which <paramref name="at"/> falls.</summary>
    public DateOnly DayOf(DateTimeOffset at) => LocalDay(_zone, at);

    /// <summary>The end of a grace period: <paramref name="days"/> local days after <paramref name="at"/>; itself for 0.</summary>
    public DateTimeOffset AfterDays(DateTimeOffset at, int days) => days == 0 ? at : StartOf(DayOf(at).AddDays(days));

    private int DaysTouched(DateTimeOffset from, DateTimeOffset to) => DayOf(to.AddTicks(-1)).DayNumber - DayOf(from).DayNumber + 1;

    private DateTimeOffset Boundary(DateOnly month) =>
        StartOf(month.AddDays(Math.Min(_anchorDay, DateTime.DaysInMonth(month.Year, month.Month)) - 1));

    private DateTimeOffset StartOf(DateOnly day)
    {
        var local = day.ToDateTime(TimeOnly.MinValue);
        // Skipped: go on to the first minute that the clocks show.
        while (_zone.IsInvalidTime(local))
            local = local.AddMinutes(1);
        // Shown twice: the larger offset is the earlier instant.
        var offset = _zone.IsAmbiguousTime(local) ? _zone.GetAmbiguousTimeOffsets(local).Max() : _zone.GetUtcOffset(local);
        return new DateTimeOffset(local, offset).ToUniversalTime();
    }

    private static DateOnly LocalDay(TimeZoneInfo zone, DateTimeOffset at) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime);
}
