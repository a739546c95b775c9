using System.Security.Cryptography;

namespace Quota.TestKit;

/// <summary>Ids of Stripe's form. Random, so that a stand-in started again on its kept state gives none twice.</summary>
internal static class StripeIds
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    public static string New(string prefix) => $"{prefix}_{RandomNumberGenerator.GetString(Alphabet, 24)}";
}
