namespace Quota.Billing.Customers;

/// <summary>Which of an org's events a sum is of.</summary>
internal enum UsageOf
{
    /// <summary>All, for people.</summary>
    All,

    /// <summary>Those that do not list the node's counter: the seed of a counter that did not count from the beginning of its window.</summary>
    Uncounted,

    /// <summary>Of the uncounted, those that correct another: the seed of a counter that did. What else it did not count, its gateway charges later.</summary>
    Corrections,
}
