namespace Quota.TestKit;

/// <summary>How to run a <see cref="PostgresServer"/>. The defaults are for tests: fast, and gone afterwards.</summary>
public sealed record PostgresOptions
{
    /// <summary>
    /// Folder of the cluster, made at first use and used again afterwards. Null: a new one that is removed on disposing. When we are
    /// root it must lie where the server's account may go, so not under /root.
    /// </summary>
    public string? DataFolder { get; init; }

    /// <summary>Sync to disk also without a kept folder, so that it may be killed; a kept folder always does.</summary>
    public bool Durable { get; init; }

    /// <summary>Port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Password of the superuser <c>postgres</c>. Must stay the same for a kept <see cref="DataFolder"/>.</summary>
    public string Password { get; init; } = "quota";

    /// <summary>Folder with <c>postgres</c> and <c>initdb</c>; null looks for an installed one.</summary>
    public string? Binaries { get; init; }
}
