namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Where a limit stands, in the headers that OpenAI's and Azure's clients read: <c>x-ratelimit-…</c>.</summary>
internal static class OpenAiRates
{
    private static readonly string[] OfRequests = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
    private static readonly string[] OfTokens = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

    /// <summary>Resets as seconds, <c>12s</c> (platform.openai.com/docs/guides/rate-limits, headers).</summary>
    public static void Write(IHeaderDictionary headers, string what, RateStanding standing)
    {
        var names = what == "tokens" ? OfTokens : OfRequests;
        headers[names[0]] = standing.Limit.ToString(CultureInfo.InvariantCulture);
        headers[names[1]] = standing.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[names[2]] = ((long)(standing.FullAgain - standing.At).TotalSeconds).ToString(CultureInfo.InvariantCulture) + "s";
    }
}
