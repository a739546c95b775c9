using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// How API-key secrets are stored: HMAC-SHA-256 with the installation's pepper over SHA-256 of the secret. The inner digest lets
/// <c>quota.yaml</c> name a key by <c>sha256:</c> without its secret, while a stolen table still says nothing without the pepper.
/// </summary>
public static class KeyHash
{
    /// <summary>Bytes of a hash.</summary>
    public const int Size = 32;

    /// <summary>Hashes a secret into <paramref name="hash"/> (32 bytes).</summary>
    public static void OfSecret(ReadOnlySpan<byte> pepper, ReadOnlySpan<char> secret, Span<byte> hash)
    {
        var length = Encoding.UTF8.GetMaxByteCount(secret.Length);
        byte[]? rented = null;
        var utf8 = length <= 512 ? stackalloc byte[512] : rented = ArrayPool<byte>.Shared.Rent(length);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(secret, utf8)], digest);
        OfDigest(pepper, digest, hash);
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
    }

    /// <summary>Hashes the SHA-256 digest of a secret into <paramref name="hash"/> (32 bytes).</summary>
    public static void OfDigest(ReadOnlySpan<byte> pepper, ReadOnlySpan<byte> digest, Span<byte> hash) =>
        HMACSHA256.HashData(pepper, digest, hash);

    /// <summary>Lower-case hex of a secret's hash, as stored and as sent in the snapshot.</summary>
    public static string HexOfSecret(ReadOnlySpan<byte> pepper, string secret)
    {
        Span<byte> hash = stackalloc byte[Size];
        OfSecret(pepper, secret, hash);
        return Convert.ToHexStringLower(hash);
    }
}
