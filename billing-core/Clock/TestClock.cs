using System.Globalization;
using Quota.Billing.Database;
using Quota.Shared.Hosting;

namespace Quota.Billing.Clock;

/// <summary>
/// Moves the core's time forward, as Stripe's test clocks do. The offset is stored, so that a restarted core goes on where it was:
/// events and invoices of a time that has not come yet would otherwise stand in its books.
/// </summary>
internal sealed class TestClock(CoreClock clock, InstallationStore installation, IEnumerable<IDueWork> dueWork, TestClockOptions options)
    : IDisposable
{
    private const string Name = "clock_offset_ms";

    /// <summary>Later than this, adding a period could leave the calendar.</summary>
    private static readonly DateTimeOffset Latest = new(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly SemaphoreSlim _oneMove = new(1, 1);

    public bool Enabled => options.Enabled;

    /// <summary>Takes up the stored offset.</summary>
    /// <exception cref="SettingsException">This database's time was moved, and the test clock is not enabled.</exception>
    public async Task LoadAsync()
    {
        var stored = await installation.FindAsync(Name) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : 0;
        if (stored != 0 && !options.Enabled)
        {
            throw new SettingsException([$"TestClock__Enabled: this database's clock was moved {TimeSpan.FromMilliseconds(stored)} ahead; "
                + "enable the test clock or use another database"]);
        }
        clock.OffsetMs = stored;
    }

    /// <summary>Moves to <paramref name="now"/> and runs what became due, in order. Moving to where the clock stands runs it too.</summary>
    public async Task<ClockMove> MoveAsync(DateTimeOffset now, CancellationToken cancel)
    {
        await _oneMove.WaitAsync(cancel);
        try
        {
            var ahead = now - clock.GetUtcNow();
            if (ahead < TimeSpan.Zero)
                return new ClockMove.Backwards(clock.GetUtcNow());
            if (now > Latest)
                return new ClockMove.TooFar(Latest);
            // Rounded up: after the move it is never earlier than was asked for.
            var offset = clock.OffsetMs + (long)Math.Ceiling(ahead.TotalMilliseconds);
            await installation.SetAsync(Name, offset.ToString(CultureInfo.InvariantCulture));
            clock.OffsetMs = offset;
            foreach (var work in dueWork.OrderBy(work => work.Order))
                await work.RunDueAsync(cancel);
            return new ClockMove.Moved(clock.GetUtcNow());
        }
        finally
        {
            _oneMove.Release();
        }
    }

    public void Dispose() => _oneMove.Dispose();
}

/// <summary>How a move of the test clock ended.</summary>
internal abstract record ClockMove
{
    private ClockMove()
    {
    }

    public sealed record Moved(DateTimeOffset Now) : ClockMove;

    public sealed record Backwards(DateTimeOffset Now) : ClockMove;

    public sealed record TooFar(DateTimeOffset Latest) : ClockMove;
}

/// <summary>Settings under <c>TestClock</c>.</summary>
internal sealed class TestClockOptions
{
    /// <summary>Whether time may be moved; false by default. Never in production.</summary>
    public bool Enabled { get; set; }
}
