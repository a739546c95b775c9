namespace Quota.Gateway.Limits;

/// <summary>
/// Tells a client where it stands: <c>RateLimit-Policy</c> and <c>RateLimit</c> (draft-ietf-httpapi-ratelimit-headers, structured
/// fields), tightest limit first, and the <c>x-ratelimit-*</c> trio that OpenAI-shaped clients read. Money is given in minor units.
/// </summary>
internal static class LimitHeaders
{
    public static void Write(IHeaderDictionary headers, Hold hold)
    {
        if (hold.Counters.Count == 0)
            return;
        var at = hold.At.ToUnixTimeMilliseconds();
        var byTightness = hold.Counters.OrderBy(counter => (double)counter.Remaining / Math.Max(1, counter.Limit.MostAtOnce)).ToArray();
        headers["RateLimit-Policy"] = string.Join(", ", byTightness.Select(counter => Policy(counter, at)));
        headers["RateLimit"] = string.Join(", ", byTightness.Select(counter => Standing(counter, at)));
        foreach (var counter in byTightness)
        {
            if (counter.Limit.Terms.IsMoney)
                continue;
            headers["x-ratelimit-limit-requests"] = Text(counter.Limit.MostAtOnce);
            headers["x-ratelimit-remaining-requests"] = Text(counter.Remaining);
            headers["x-ratelimit-reset-requests"] = FullAgainSeconds(counter, at) + "s";
            break;
        }
    }

    private static string Policy(HeldCounter counter, long at)
    {
        var limit = counter.Limit;
        var seconds = limit.IsRate ? limit.Terms.Window.PeriodMs / 1000 : Seconds(counter.ResetsAtMs - at);
        var unit = limit.Terms.IsMoney ? $";qu=\"{limit.Terms.Currency}-minor\"" : ";qu=\"requests\"";
        return $"{Name(limit)};q={Shown(counter, limit.MostAtOnce)};w={Text(seconds)}{unit}";
    }

    private static string Standing(HeldCounter counter, long at) =>
        $"{Name(counter.Limit)};r={Shown(counter, counter.Remaining)};t={FullAgainSeconds(counter, at)}";

    /// <summary>A code as a structured-field string (RFC 9651): printable ASCII, quotes and backslashes escaped.</summary>
    private static string Name(Limit limit)
    {
        var code = limit.Code;
        if (code.All(c => c is >= ' ' and <= '~' and not '"' and not '\\'))
            return $"\"{code}\"";
        return "\"" + string.Concat(code.Select(c => c is < ' ' or > '~' ? "?" : c is '"' or '\\' ? "\\" + c : c.ToString())) + "\"";
    }

    private static string Shown(HeldCounter counter, long amount) =>
        Text(counter.Limit.Terms.IsMoney ? amount / NanosPerMinor : amount);

    private static string FullAgainSeconds(HeldCounter counter, long at)
    {
        if (!counter.Limit.IsRate)
            return Text(Seconds(counter.ResetsAtMs - at));
        var level = counter.Used + counter.HeldBefore + counter.Quantity;
        return Text(Seconds((long)Math.Ceiling((decimal)level * counter.Limit.Terms.Window.PeriodMs / counter.Limit.Amount)));
    }

    private const long NanosPerMinor = 10_000_000;

    private static long Seconds(long milliseconds) => Math.Max(0, (milliseconds + 999) / 1000);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
