using System.Collections.Concurrent;

namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>Who goes, and when.</summary>
public enum CutKind
{
    Nobody,

    /// <summary>The client, after a part of its request.</summary>
    ClientInRequest,

    /// <summary>The client, after a part of the answer came from the upstream.</summary>
    ClientInAnswer,

    /// <summary>The upstream, after a part of the request.</summary>
    UpstreamInRequest,

    /// <summary>The upstream, after a part of its answer.</summary>
    UpstreamInAnswer,

    /// <summary>The client, and while the rest is read without it the upstream, too.</summary>
    ClientThenUpstream,
}

/// <summary>One call that is cut, and what was seen of it.</summary>
/// <param name="Place">Bytes that pass before: of the answer, head and all, or of the request's body.</param>
/// <param name="Further">Bytes of the answer that pass before the upstream goes, too.</param>
/// <param name="IsAbrupt">The connection is reset; else it is closed in order.</param>
public sealed record CutCase(int Number, CutGrammar Grammar, CutKind Kind, int Place = 0, int Further = 0, bool IsAbrupt = false)
{
    public const string Header = "x-case";

    /// <summary>How many bytes the answer would have.</summary>
    public long WholeBytes { get; init; }

    /// <summary>Ids of the calls that the gateway made for it.</summary>
    public ConcurrentQueue<string> Ids { get; } = [];

    /// <summary>Set when the upstream's part has passed after which the client goes.</summary>
    public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource ClientGone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the provider sent, as far as it was passed on.</summary>
    public MemoryStream Passed { get; } = new();

    /// <summary>What the client got.</summary>
    public MemoryStream Got { get; } = new();

    /// <summary>What went wrong on the way, for people.</summary>
    public string? Trouble { get; set; }

    public bool ClientGoes => Kind is CutKind.ClientInRequest or CutKind.ClientInAnswer or CutKind.ClientThenUpstream;

    public override string ToString() => $"case {Number}: {Grammar}, {Kind} at {Place}{(Further > 0 ? $" and {Further}" : "")}{(IsAbrupt ? ", reset" : "")}";
}
