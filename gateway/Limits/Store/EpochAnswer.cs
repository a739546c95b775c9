using System.Text;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>How the store stands with an org's epoch, in the words of <c>epoch.lua</c> and <c>gather.lua</c>.</summary>
/// <param name="Result">One of the constants, or another word of the scripts.</param>
/// <param name="Epoch">The id of the epoch that is there; empty: none.</param>
/// <param name="Run">The server's run id.</param>
/// <param name="Own">Mutations of this gateway that the store has.</param>
/// <param name="Others">Other gateways that count there.</param>
/// <param name="Rest">Of <c>epoch.lua</c> the gateways that have yet to look, of <c>gather.lua</c> the parts that this one has put, or <c>done</c>.</param>
internal sealed record EpochAnswer(string Result, string Epoch = "", string Run = "", long Own = 0, long Others = 0, string Rest = "")
{
    public const string Open = "open", Joined = "joined", Waits = "waits", Lost = "lost", Building = "building", Gathering = "gathering", None = "none", Stale = "stale";

    public static async Task<EpochAnswer> AskAsync(StoreConnection connection, StoreScript script, RedisKey[] keys, RedisValue[] arguments)
    {
        var reply = (await connection.EvaluateAsync(script, keys, arguments, isFirst: true)).Select(Encoding.ASCII.GetString).ToArray();
        return new(reply[0], reply[1], reply[2], Number(reply[3]), Number(reply[4]), reply[5]);
    }

    /// <summary>Why no call is let through, for people.</summary>
    public static string ReasonOf(string result) => result switch
    {
        Waits => "the counter store was restarted, and other gateways have yet to confirm that nothing is lost",
        Building => "the counters are being rebuilt",
        Gathering or None => "the counters are being put together by all gateways",
        Joined => "this gateway has just joined others that count here",
        Lost => "the counter store has lost use that it had acknowledged; rebuild the counters",
        _ => $"the counter store answered '{result}'",
    };

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
