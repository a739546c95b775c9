using System.Security.Cryptography;
using System.Text;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Facts;

/// <summary>Reads a fact as the scripts write it: words, in counters.lua (tell), settle.lua, reap.lua and charge.lua.</summary>
internal static class FactReader
{
    /// <summary>Null for what is none of ours; it is dropped.</summary>
    public static LimitFact? Read(string text, SnapshotOrg org)
    {
        try
        {
            return text.Split(' ') switch
            {
                // t <at> <counter> <window start> <node:code in hex:share> <level> <used>
                ["t", var at, var counter, var start, var token, _, var used] when token.Split(':') is [var node, var code, var share] => new LimitFact
                {
                    Id = IdOf(counter, token), Kind = LimitFact.Threshold, At = Time(at), Org = org.Code, OrgId = org.Id, Counter = counter, WindowStart = StartOf(start), NodeId = node,
                    Limit = Encoding.UTF8.GetString(Convert.FromHexString(code)), Share = decimal.Parse(share, CultureInfo.InvariantCulture), Used = Number(used),
                },
                // o <at> <counter> <window start> <request> <units>
                ["o", var at, var counter, var start, var request, var units] => new LimitFact
                {
                    Id = IdOf(counter, request), Kind = LimitFact.Over, At = Time(at), Org = org.Code, OrgId = org.Id, Counter = counter, WindowStart = StartOf(start),
                    RequestId = Guid.ParseExact(request, "N"), Used = Number(units),
                },
                // p <at> <request>
                ["p", var at, var request] => new LimitFact
                {
                    Id = IdOf("p", request), Kind = LimitFact.Reaped, At = Time(at), Org = org.Code, OrgId = org.Id, RequestId = Guid.ParseExact(request, "N"),
                },
                _ => null,
            };
        }
        catch (Exception problem) when (problem is FormatException or OverflowException or ArgumentException)
        {
            return null;
        }
    }

    private static string IdOf(string counter, string what) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{counter} {what}")).AsSpan(0, 16));

    private static DateTimeOffset? StartOf(string text) => text == "-" || Number(text) == 0 ? null : Time(text);

    private static DateTimeOffset Time(string text) => DateTimeOffset.FromUnixTimeMilliseconds(Number(text));

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
