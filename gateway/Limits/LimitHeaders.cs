using System.Text;
using Quota.Gateway.Providers;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>
/// Tells a client where it stands: <c>RateLimit-Policy</c> and <c>RateLimit</c> (draft-ietf-httpapi-ratelimit-headers, structured
/// fields), tightest limit first, and the headers that the provider's own clients read, for requests and for tokens. Money is given in
/// minor units. Only hard limits are told.
/// </summary>
internal static class LimitHeaders
{
    /// <summary>A header set stays readable: of more limits than this only the tightest are told.</summary>
    private const int Most = 10;

    private const long NanosPerMinor = 10_000_000;

    [ThreadStatic]
    private static StringBuilder? _text;

    public static void Write(IHeaderDictionary headers, Hold hold, IProviderAdapter adapter)
    {
        if (!hold.IsStored)
            return;
        var told = new List<HeldCounter>(hold.Counters.Count);
        foreach (var counter in hold.Counters)
        {
            if (counter.Counter.IsHard)
                told.Add(counter);
        }
        if (told.Count == 0)
            return;
        told.Sort(static (a, b) => Share(a).CompareTo(Share(b)));
        var (at, count, text) = (hold.At.ToUnixTimeMilliseconds(), Math.Min(Most, told.Count), _text ??= new StringBuilder(1024));
        for (var i = 0; i < count; i++)
            Policy(i > 0 ? text.Append(", ") : text, told[i], at);
        headers["RateLimit-Policy"] = text.ToString();
        text.Clear();
        for (var i = 0; i < count; i++)
            Standing(i > 0 ? text.Append(", ") : text, told[i], at);
        headers["RateLimit"] = text.ToString();
        text.Clear();
        Rate(headers, told, hold.At, adapter, isTokens: false);
        Rate(headers, told, hold.At, adapter, isTokens: true);
    }

    private static double Share(HeldCounter counter) => (double)counter.Remaining / counter.Counter.Speaker.MostAtOnce;

    /// <summary>What <c>x-quota-warning</c> says of a soft limit that a call has passed.</summary>
    public static string Warning(Limit limit, HeldCounter counter)
    {
        var code = limit.Code.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':') ? limit.Code : limit.QuotedCode;
        return $"{code};used={limit.Show(counter.Used + counter.HeldBefore)};of={limit.Show(limit.MostAtOnce)}";
    }

    private static void Rate(IHeaderDictionary headers, List<HeldCounter> told, DateTimeOffset at, IProviderAdapter adapter, bool isTokens)
    {
        foreach (var counter in told)
        {
            var meter = counter.Counter.Terms.Meter;
            if (isTokens ? meter is not (Meters.TotalTokens or Meters.InputTokens or Meters.OutputTokens) : meter is not (Meters.Requests or Meters.Concurrency))
                continue;
            var seconds = FullAgainSeconds(counter, at.ToUnixTimeMilliseconds()) ?? 0;
            adapter.WriteRate(headers, isTokens ? "tokens" : "requests", new RateStanding(counter.Counter.Speaker.MostAtOnce, counter.Remaining, at, at.AddSeconds(seconds)));
            return;   // the tightest
        }
    }

    private static void Policy(StringBuilder text, HeldCounter counter, long at)
    {
        var (limit, terms) = (counter.Counter.Speaker, counter.Counter.Terms);
        text.Append(limit.QuotedCode).Append(";q=").Append(Shown(counter, limit.MostAtOnce));
        if (terms.Window.IsRate)
            text.Append(";w=").Append(terms.Window.PeriodMs / 1000);
        else if (counter.ResetsAtMs is { } resets)
            text.Append(";w=").Append(Seconds(resets - at));
        text.Append(";qu=\"").Append(terms.IsMoney ? terms.Currency : terms.Meter).Append(terms.IsMoney ? "-minor\"" : "\"");
    }

    private static void Standing(StringBuilder text, HeldCounter counter, long at)
    {
        text.Append(counter.Counter.Speaker.QuotedCode).Append(";r=").Append(Shown(counter, counter.Remaining));
        if (FullAgainSeconds(counter, at) is { } seconds)
            text.Append(";t=").Append(seconds);
    }

    private static long Shown(HeldCounter counter, long amount) => counter.Counter.Terms.IsMoney ? amount / NanosPerMinor : amount;

    private static long? FullAgainSeconds(HeldCounter counter, long at)
    {
        if (!counter.Counter.Window.IsRate)
            return counter.ResetsAtMs is { } resets ? Seconds(resets - at) : null;
        var level = counter.Used + counter.HeldBefore + counter.Quantity;
        return Seconds((long)Math.Ceiling((decimal)level * counter.Counter.Window.PeriodMs / counter.Counter.Speaker.Amount));
    }

    private static long Seconds(long milliseconds) => Math.Max(0, (milliseconds + 999) / 1000);
}
