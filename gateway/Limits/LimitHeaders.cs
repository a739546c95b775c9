using System.Text;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>
/// Tells a client where it stands: <c>RateLimit-Policy</c> and <c>RateLimit</c> (draft-ietf-httpapi-ratelimit-headers, structured
/// fields), tightest limit first, and the <c>x-ratelimit-*</c> trios that OpenAI-shaped clients read, for requests and for tokens. Money
/// is given in minor units. Only hard limits are told.
/// </summary>
internal static class LimitHeaders
{
    /// <summary>A header set stays readable: of more limits than this only the tightest are told.</summary>
    private const int Most = 10;

    private const long NanosPerMinor = 10_000_000;

    public static void Write(IHeaderDictionary headers, Hold hold)
    {
        var told = hold.Counters.Where(counter => counter.Counter.IsHard && hold.IsStored)
            .OrderBy(counter => (double)counter.Remaining / Math.Max(1, counter.Counter.Speaker.MostAtOnce)).Take(Most).ToArray();
        if (told.Length == 0)
            return;
        var at = hold.At.ToUnixTimeMilliseconds();
        var (policy, standing) = (new StringBuilder(), new StringBuilder());
        foreach (var counter in told)
        {
            Policy(policy.Length > 0 ? policy.Append(", ") : policy, counter, at);
            Standing(standing.Length > 0 ? standing.Append(", ") : standing, counter, at);
        }
        headers["RateLimit-Policy"] = policy.ToString();
        headers["RateLimit"] = standing.ToString();
        Trio(headers, told, at, "requests", meter => meter is Meters.Requests or Meters.Concurrency);
        Trio(headers, told, at, "tokens", meter => meter is Meters.TotalTokens or Meters.InputTokens or Meters.OutputTokens);
    }

    /// <summary>A code as a structured-field string (RFC 9651): printable ASCII, quotes and backslashes escaped.</summary>
    public static string Name(Limit limit)
    {
        var code = limit.Code;
        if (code.All(c => c is >= ' ' and <= '~' and not '"' and not '\\'))
            return $"\"{code}\"";
        return "\"" + string.Concat(code.Select(c => c is < ' ' or > '~' ? "?" : c is '"' or '\\' ? "\\" + c : c.ToString())) + "\"";
    }

    /// <summary>What <c>x-quota-warning</c> says of a soft limit that a call has passed.</summary>
    public static string Warning(Limit limit, HeldCounter counter)
    {
        var code = limit.Code.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':') ? limit.Code : Name(limit);
        return $"{code};used={limit.Show(counter.Used + counter.HeldBefore)};of={limit.Show(limit.MostAtOnce)}";
    }

    private static void Trio(IHeaderDictionary headers, HeldCounter[] told, long at, string unit, Func<string, bool> counts)
    {
        foreach (var counter in told)
        {
            if (!counts(counter.Counter.Terms.Meter))
                continue;
            headers["x-ratelimit-limit-" + unit] = Text(counter.Counter.Speaker.MostAtOnce);
            headers["x-ratelimit-remaining-" + unit] = Text(counter.Remaining);
            headers["x-ratelimit-reset-" + unit] = FullAgainSeconds(counter, at) is { } seconds ? Text(seconds) + "s" : "0s";
            return;   // the tightest
        }
    }

    private static void Policy(StringBuilder text, HeldCounter counter, long at)
    {
        var (limit, terms) = (counter.Counter.Speaker, counter.Counter.Terms);
        text.Append(Name(limit)).Append(";q=").Append(Shown(counter, limit.MostAtOnce));
        if (terms.Window.IsRate)
            text.Append(";w=").Append(Text(terms.Window.PeriodMs / 1000));
        else if (counter.ResetsAtMs is { } resets)
            text.Append(";w=").Append(Text(Seconds(resets - at)));
        text.Append(";qu=\"").Append(terms.IsMoney ? terms.Currency + "-minor" : terms.Meter).Append('"');
    }

    private static void Standing(StringBuilder text, HeldCounter counter, long at)
    {
        text.Append(Name(counter.Counter.Speaker)).Append(";r=").Append(Shown(counter, counter.Remaining));
        if (FullAgainSeconds(counter, at) is { } seconds)
            text.Append(";t=").Append(Text(seconds));
    }

    private static string Shown(HeldCounter counter, long amount) => Text(counter.Counter.Terms.IsMoney ? amount / NanosPerMinor : amount);

    private static long? FullAgainSeconds(HeldCounter counter, long at)
    {
        if (!counter.Counter.Window.IsRate)
            return counter.ResetsAtMs is { } resets ? Seconds(resets - at) : null;
        var level = counter.Used + counter.HeldBefore + counter.Quantity;
        return Seconds((long)Math.Ceiling((decimal)level * counter.Counter.Window.PeriodMs / counter.Counter.Speaker.Amount));
    }

    private static long Seconds(long milliseconds) => Math.Max(0, (milliseconds + 999) / 1000);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
