namespace Quota.Shared.Scopes;

/// <summary>
/// Who a call belongs to, by the names people gave: org › team › user › key. Team and user may be absent.
/// Names are for people and events; counters use internal ids, which are never reused.
/// </summary>
public sealed record ScopePath(string Org, string? Team, string? User, string? Key)
{
    /// <summary><c>acme/research/ada</c>; a missing team is left out.</summary>
    public override string ToString() => string.Join('/', new[] { Org, Team, User, Key }.Where(part => part is not null));
}
