namespace Quota.TestKit;

/// <summary>What befalls a connection on a <see cref="FaultyWire"/>.</summary>
public enum WireFault
{
    /// <summary>What was asked arrives and is done; the answer is lost, wholly or from some piece of it on, and both sides are cut.</summary>
    CutAnswer,

    /// <summary>Late by up to <see cref="FaultyWire.LongestDelay"/>, nothing lost.</summary>
    Delay,

    /// <summary>For up to <see cref="FaultyWire.LongestHole"/> nothing passes either way, and what was said is lost; then it is cut.</summary>
    BlackHole,

    /// <summary>What was asked arrives, and with it the end of what the caller has to say; the answer may come.</summary>
    HalfClose,

    /// <summary>Nothing arrives, and both sides are cut.</summary>
    Reset,
}
