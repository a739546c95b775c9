using System.Text;
using Stripe;

namespace Quota.Billing.Payments.Webhooks;

/// <summary>Whether Stripe sent these bytes, lately. Its time and ours are real time: a moved test clock changes nothing here.</summary>
internal static class StripeSignature
{
    /// <summary>Seconds that a signature is good for; more would let a recorded one be played again for long.</summary>
    private const long Tolerance = 300;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The body as text when it is signed with the secret; null for any other, whatever is wrong with it.</summary>
    public static string? Verify(ReadOnlySpan<byte> body, string header, string secret)
    {
        try
        {
            var text = Strict.GetString(body);
            EventUtility.ValidateSignature(text, header, secret, Tolerance);
            return text;
        }
        // Stripe.net parses the header without a guard: a missing part or a time that is no number throws these.
        catch (Exception error) when (error is StripeException or FormatException or OverflowException or ArgumentException or KeyNotFoundException
            or IndexOutOfRangeException or InvalidOperationException)
        {
            return null;
        }
    }
}
