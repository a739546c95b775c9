using System.Runtime.InteropServices;

namespace Quota.TestKit;

/// <summary>What to start as a <see cref="CaptiveProcess"/>.</summary>
/// <param name="File">Program, by path or by name on PATH.</param>
/// <param name="Arguments">Its arguments, passed as they are (no shell).</param>
public sealed record CaptiveCommand(string File, params IReadOnlyList<string> Arguments)
{
    /// <summary>Added to the environment of this process; a null value removes a variable.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Folder to start in; by default the current one.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Account to run as, when we are root; null keeps ours.</summary>
    public UnixAccount? Account { get; init; }

    /// <summary>Called for each line of stdout and stderr, from a pool thread.</summary>
    public Action<string>? OnLine { get; init; }

    /// <summary>What asks it to end. PostgreSQL wants SIGINT: on SIGTERM it waits for its clients.</summary>
    public PosixSignal StopSignal { get; init; } = PosixSignal.SIGTERM;

    /// <summary>How long it may take to end before it is killed.</summary>
    public TimeSpan StopBound { get; init; } = TimeSpan.FromSeconds(15);
}
