using System.Security.Cryptography;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Access;

/// <summary>
/// The keys of the core itself: one admin key, known by its hash, and the gateways' tokens. Set once at start; until then every
/// caller is refused. Compared in constant time, all of them each time.
/// </summary>
internal sealed class CoreKeys(AccessOptions options)
{
    private const int MaxLength = 512;

    private Known? _known;

    /// <summary>The key that API-key secrets are hashed with.</summary>
    /// <exception cref="InvalidOperationException">Asked before the start has read or made it.</exception>
    public byte[] Pepper => (_known ?? throw new InvalidOperationException("The pepper is read at start; nothing may ask for it before.")).Pepper;

    public void Set(byte[] pepper, byte[] adminHash) =>
        _known = new Known(pepper, adminHash, [.. options.GatewayTokens.Select(token => Hash(pepper, token))]);

    /// <summary>One of <see cref="CoreRole"/>, or null for a key that nobody was given.</summary>
    public string? RoleOf(string presented)
    {
        if (_known is not { } known || presented.Length is 0 or > MaxLength)
            return null;
        var hash = Hash(known.Pepper, presented);
        var role = CryptographicOperations.FixedTimeEquals(hash, known.AdminHash) ? CoreRole.Admin : null;
        foreach (var token in known.GatewayHashes)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, token))
                role ??= CoreRole.Gateway;
        }
        return role;
    }

    public static byte[] Hash(ReadOnlySpan<byte> pepper, string secret)
    {
        var hash = new byte[KeyHash.Size];
        KeyHash.OfSecret(pepper, secret, hash);
        return hash;
    }

    private sealed record Known(byte[] Pepper, byte[] AdminHash, IReadOnlyList<byte[]> GatewayHashes);
}

/// <summary>What a key of the core may do.</summary>
internal static class CoreRole
{
    public const string Admin = "admin";

    /// <summary>May pull the control snapshot and ship usage, nothing else.</summary>
    public const string Gateway = "gateway";
}
