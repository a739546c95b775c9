using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Security.Cryptography;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Keys;

/// <summary>
/// Finds a key by its secret. The secret is hashed with the pepper, a row is found by the hash's first eight bytes (which nobody can
/// choose without the pepper), and the whole hash is compared in constant time.
/// </summary>
internal sealed class KeyTable
{
    /// <summary>Longer secrets are no keys of ours.</summary>
    public const int MaxSecretLength = 256;

    private readonly byte[] _pepper;
    private readonly FrozenDictionary<long, (byte[] Hash, CallerKey Caller)[]> _rows;

    public KeyTable(byte[] pepper, IEnumerable<CallerKey> callers)
    {
        _pepper = pepper;
        _rows = callers.Select(caller => (Hash: Convert.FromHexString(caller.Key.Hash), Caller: caller))
            .GroupBy(row => Prefix(row.Hash)).ToFrozenDictionary(group => group.Key, group => group.ToArray());
    }

    /// <summary>The key with this secret, if it has not expired; null otherwise.</summary>
    public CallerKey? Find(ReadOnlySpan<char> secret, DateTimeOffset now)
    {
        if (secret.Length is 0 or > MaxSecretLength)
            return null;
        Span<byte> hash = stackalloc byte[KeyHash.Size];
        KeyHash.OfSecret(_pepper, secret, hash);
        if (!_rows.TryGetValue(Prefix(hash), out var rows))
            return null;
        foreach (var (stored, caller) in rows)
        {
            if (CryptographicOperations.FixedTimeEquals(stored, hash))
                return caller.Key.ExpiresAt <= now ? null : caller;
        }
        return null;
    }

    private static long Prefix(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadInt64LittleEndian(hash);
}
