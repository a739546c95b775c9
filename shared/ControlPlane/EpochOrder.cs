using System.Text.Json.Serialization;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// A gateway asks the core how it stands with an org's counters, because the store knows of none, has lost some, or the snapshot says that
/// they are gathered (<c>POST /internal/v1/epochs</c>).
/// </summary>
/// <param name="Instance">Who asks.</param>
/// <param name="Lost">The store has lost what this gateway knows: they are gathered anew, unless they are being gathered.</param>
/// <param name="Again">The gathering of this generation cannot be finished: another begins.</param>
public sealed record EpochQuestion(string Instance, string OrgId, bool Lost, long? Again = null);

/// <summary>How it stands with an org's counters.</summary>
/// <param name="Generation">Grows with each gathering.</param>
/// <param name="Epoch">The epoch that was ordered last: 16 lower-case hex digits.</param>
/// <param name="Participants">While they are gathered: the gateways that may have counted, each of which has to put what it knows.</param>
public sealed record EpochOrder(string OrgId, long Generation, string Epoch, string State, IReadOnlyList<string> Participants)
{
    /// <summary>
    /// The gateways that were lost when it was ordered: what they used comes from their events, as seeds. Where there are any, nobody puts counters into
    /// the epoch before its snapshot names it (<see cref="SnapshotOrg.Gathering"/>), since an older one has neither those seeds nor says that they are needed.
    /// </summary>
    public IReadOnlyList<string> Lost { get; init; } = [];

    /// <summary>Nobody can ever have counted for this org: the asker, and nobody else, may begin with nothing.</summary>
    public const string Fresh = "fresh";

    public const string Open = "open";

    public const string Gathering = "gathering";

    /// <summary>The asker was declared lost: it counts no more, and what it counted comes from its events.</summary>
    public const string Excluded = "excluded";
}

/// <summary>All have put what they know, and the counters are open (<c>POST /internal/v1/epochs/opened</c>).</summary>
public sealed record EpochOpened(string OrgId, long Generation);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EpochQuestion))]
[JsonSerializable(typeof(EpochOrder))]
[JsonSerializable(typeof(EpochOpened))]
public sealed partial class EpochJson : JsonSerializerContext;
