using System.Text;

namespace Quota.Billing.Ingest;

/// <summary>The texts that a batch's events have in common, each made once: they are of few orgs, subscriptions and codes.</summary>
internal sealed class BatchTexts
{
    private readonly string?[] _known = new string?[256];

    /// <param name="ascii">Of a plain event.</param>
    public string Of(ReadOnlySpan<byte> ascii)
    {
        var hash = ascii.Length;
        foreach (var letter in ascii)
            hash = 31 * hash + letter;
        ref var known = ref _known[(hash ^ hash >> 8) & 0xFF];
        if (known is null || !Ascii.Equals(ascii, known))
            known = Encoding.ASCII.GetString(ascii);
        return known;
    }
}
