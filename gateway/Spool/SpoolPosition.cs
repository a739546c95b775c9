namespace Quota.Gateway.Spool;

/// <summary>A place in the log: segments count from 1, offsets from 0. Before it everything has been written, fsynced or shipped.</summary>
internal readonly record struct SpoolPosition(int Segment, long Offset) : IComparable<SpoolPosition>
{
    public int CompareTo(SpoolPosition other) => (Segment, Offset).CompareTo((other.Segment, other.Offset));

    public static bool operator <(SpoolPosition left, SpoolPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(SpoolPosition left, SpoolPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(SpoolPosition left, SpoolPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(SpoolPosition left, SpoolPosition right) => left.CompareTo(right) >= 0;
}
