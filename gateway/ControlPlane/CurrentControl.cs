using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>The control state in force. Swapped whole; a request works with the one it started with.</summary>
internal sealed class CurrentControl(IEnumerable<ILimitKind> kinds, GatewayClock clock, ControlPlaneOptions options)
{
    private readonly Dictionary<string, ILimitKind> _kinds = kinds.ToDictionary(kind => kind.Name);
    private volatile ControlState? _now;
    private long _confirmedAtMs;

    /// <summary>Null until the first snapshot.</summary>
    public ControlState? Now => _now;

    /// <summary>True when the core has been silent for so long that revocations may be missing. Never stand-alone.</summary>
    public bool IsStale => options.Url is not null && clock.RealNow.ToUnixTimeMilliseconds() - Volatile.Read(ref _confirmedAtMs) > options.MaxStaleness.TotalMilliseconds;

    /// <summary>Makes a snapshot ready; it is not in force yet.</summary>
    /// <exception cref="FormatException">It cannot be used.</exception>
    public ControlState Prepare(ControlSnapshot snapshot) => new(snapshot, _kinds);

    /// <summary>Puts it in force.</summary>
    public void Replace(ControlState state, DateTimeOffset confirmedAt)
    {
        clock.Shift(state.ClockOffsetMs);
        _now = state;
        Confirm(confirmedAt);
    }

    /// <summary>The core said that nothing changed.</summary>
    public void Confirm(DateTimeOffset at) => Volatile.Write(ref _confirmedAtMs, at.ToUnixTimeMilliseconds());
}
