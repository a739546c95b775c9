namespace Quota.EndToEnd.Tests.Races;

/// <summary>What a race is checked for. A planted fault must be caught by a named one of them.</summary>
internal enum RaceCheck
{
    /// <summary>Every call ends for its client, and every call that was begun is settled.</summary>
    EveryCallEnds,

    /// <summary>Every call that the provider saw has exactly one event; the numbers of a gateway's events have no gap.</summary>
    OneEventPerCall,

    /// <summary>An event that is no estimate says what the provider says.</summary>
    MeteredAsServed,

    /// <summary>What the provider served fits into what was held for it.</summary>
    ServedWithinHold,

    /// <summary>What the provider billed on a node never passes its limit.</summary>
    NoOverspend,

    /// <summary>A counter is the exact sum of its events.</summary>
    UsedIsTheSum,

    /// <summary>Nothing was used beyond its hold.</summary>
    NothingOver,

    /// <summary>used + held is never more than the limit, at any instant.</summary>
    NeverPassed,

    /// <summary>held is the sum of the open holds, at any instant.</summary>
    HeldIsOpenHolds,

    /// <summary>A hold goes at its deadline plus one sweep.</summary>
    HoldsEndInTime,

    /// <summary>The gateway's own check of the counters finds nothing.</summary>
    VerifyAgrees,

    /// <summary>When all calls have ended, nothing is held.</summary>
    NothingHeldAtEnd,

    /// <summary>A limit refuses only what does not fit: nothing is left lying.</summary>
    RefusedOnlyWhenFull,

    /// <summary>A limit admits only what fits.</summary>
    AdmittedOnlyWhatFits,

    /// <summary>In any time T a rate lets no more than its burst and what drains in T through.</summary>
    WithinRate,

    /// <summary>No more calls run at once than may.</summary>
    WithinConcurrency,
}

/// <summary>A check that failed, and how.</summary>
internal sealed record RaceBreach(RaceCheck Check, string What);
