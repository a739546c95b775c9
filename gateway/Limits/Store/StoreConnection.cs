using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Quota.Shared.Hosting;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// The only file that talks to Redis. Scripts are fixed texts, called by their hash; replies are data, never error texts. A call that
/// gets no answer in time throws, and nobody may take that for a yes.
/// </summary>
internal sealed class StoreConnection(IConnectionMultiplexer redis, LimitsOptions options, GatewayClock clock)
{
    /// <summary>Keys that are looked through in one step.</summary>
    private const int KeysAtOnce = 500;

    private static readonly string[] FrequentOps = ["reserve", "settle"];
    private static readonly string[] Ops = [.. FrequentOps, "release", "extend", "reap", "charge", "put"];

    public static readonly StoreScript Epoch = new(["epoch"], "");

    public static readonly StoreScript Gather = new(["gather"], "");

    private static readonly ConcurrentDictionary<(string Run, bool IsFrequent), StoreScript> Batches = new();

    /// <summary>
    /// The script of a server's life: its text carries the run id, so that a server that was restarted or promoted does not know it, however
    /// many others it has been taught. What it does is the same.
    /// </summary>
    /// <param name="isFrequent">Only reserves and settles: a script makes all its functions anew at each call, so most calls get a smaller one.</param>
    public static StoreScript BatchOf(string run, bool isFrequent)
    {
        if (Batches.Count > 1000)
            Batches.Clear();
        return Batches.GetOrAdd((run, isFrequent), static it => new StoreScript(["counters", .. it.IsFrequent ? FrequentOps : Ops, "batch"], it.Run));
    }

    private long _skewMs;
    private volatile bool _hasLearned;

    private IDatabase Database => redis.GetDatabase();

    public bool IsConnected => redis.IsConnected;

    /// <summary>Redis's clock as last seen, without a test clock's offset, Unix milliseconds.</summary>
    public long RealNowMs => clock.RealNow.ToUnixTimeMilliseconds() + Volatile.Read(ref _skewMs);

    /// <summary>The time that chooses windows, as far as is known here: Redis's, moved by a test clock.</summary>
    public long NowMs => RealNowMs + (clock.OffsetMs ?? 0);

    public long? OffsetMs => clock.OffsetMs;

    /// <summary>Whether Redis's clock has been seen; until then its time is only supposed.</summary>
    public bool HasLearned => _hasLearned;

    /// <summary>Learns Redis's clock from the time of a reply.</summary>
    public void Learn(long realMs)
    {
        Volatile.Write(ref _skewMs, realMs - clock.RealNow.ToUnixTimeMilliseconds());
        _hasLearned = true;
    }

    /// <summary>Runs a script once.</summary>
    /// <exception cref="RedisException">No usable answer.</exception>
    /// <exception cref="TimeoutException">No answer within <c>Limits__RedisTimeout</c>: unknown whether it ran.</exception>
    /// <exception cref="ScriptGoneException">The server does not know the script, so nothing was done.</exception>
    /// <param name="isFirst">Whether the script may be sent anew; else the server must know it.</param>
    public async Task<byte[][]> EvaluateAsync(StoreScript script, RedisKey[] keys, RedisValue[] arguments, bool isFirst)
    {
        RedisResult result;
        try
        {
            result = await (isFirst ? Database.ScriptEvaluateAsync(script.Text, keys, arguments) : Database.ScriptEvaluateAsync(script.Hash, keys, arguments)).WaitAsync(options.RedisTimeout);
        }
        catch (RedisServerException problem) when (problem.Message.Contains("NOSCRIPT", StringComparison.Ordinal))
        {
            throw new ScriptGoneException();
        }
        return (byte[][])((byte[]?[]?)result ?? throw new RedisException("the script answered nothing"))!;
    }

    public Task<RedisValue[]> HashAsync(string key, params RedisValue[] fields) => Database.HashGetAsync(key, fields).WaitAsync(options.RedisTimeout);

    public Task<long> FieldsAsync(string key) => Database.HashLengthAsync(key).WaitAsync(options.RedisTimeout);

    /// <summary>Members of a sorted set, lowest score first.</summary>
    public Task<RedisValue[]> LowestAsync(string key, long highestScore, int most) =>
        Database.SortedSetRangeByScoreAsync(key, stop: highestScore, take: most).WaitAsync(options.RedisTimeout);

    /// <summary>The keys of a pattern on every primary server, in pages.</summary>
    public async IAsyncEnumerable<string[]> KeysAsync(string pattern)
    {
        var primaries = redis.GetServers().Where(server => server.IsConnected && !server.IsReplica).ToArray();
        if (primaries.Length == 0)
            throw new RedisException("no counter store is connected");
        foreach (var server in primaries)
        {
            List<string> page = [];
            await foreach (var key in server.KeysAsync(Database.Database, pattern, pageSize: KeysAtOnce))
            {
                page.Add(key.ToString());
                if (page.Count < KeysAtOnce)
                    continue;
                yield return [.. page];
                page.Clear();
            }
            if (page.Count > 0)
                yield return [.. page];
        }
    }

    /// <summary>The first entries of a list.</summary>
    public Task<RedisValue[]> FirstAsync(string key, int most) => Database.ListRangeAsync(key, 0, most - 1).WaitAsync(options.RedisTimeout);

    /// <summary>Takes entries out of a list, wherever they stand; those that are gone already are no mistake.</summary>
    public Task RemoveAsync(string key, IReadOnlyList<RedisValue> entries) =>
        Task.WhenAll(entries.Select(entry => Database.ListRemoveAsync(key, entry, 1))).WaitAsync(options.RedisTimeout);

    /// <summary>What each primary server says of itself: sections server, replication and memory of INFO.</summary>
    public async Task<IReadOnlyList<ServerInfo>> ServersAsync()
    {
        List<ServerInfo> servers = [];
        foreach (var server in redis.GetServers().Where(server => server.IsConnected))
        {
            var info = (await server.InfoAsync().WaitAsync(options.RedisTimeout)).SelectMany(section => section).ToLookup(pair => pair.Key, pair => pair.Value);
            if (!_hasLearned && long.TryParse(info["server_time_usec"].FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds))
                Learn(microseconds / 1000);   // before the first request has told
            servers.Add(new ServerInfo(server.EndPoint, info["run_id"].FirstOrDefault() ?? "", info["master_replid"].FirstOrDefault() ?? "",
                info["role"].FirstOrDefault() ?? "master", info["maxmemory_policy"].FirstOrDefault() ?? "noeviction"));
        }
        return servers;
    }
}

/// <summary>The server does not know the script that it was sent before: it is not the one that it was.</summary>
internal sealed class ScriptGoneException : Exception;

/// <summary>A server as it describes itself.</summary>
internal sealed record ServerInfo(EndPoint Address, string RunId, string ReplicationId, string Role, string EvictionPolicy)
{
    /// <summary>Replicas of a cluster are no concern of ours; a server that we write to and that became one is (it answers READONLY).</summary>
    public bool IsPrimary => Role != "slave";
}

/// <summary>A script and its SHA-1, by which Redis knows it once it was sent.</summary>
internal sealed class StoreScript
{
    [SuppressMessage("Security", "CA5350", Justification = "The name that Redis itself gives a script; it protects nothing.")]
    public StoreScript(IReadOnlyList<string> files, string run)
    {
        Text = string.Join('\n', [$"-- {run}", .. files.Select(file => EmbeddedText.Read(typeof(StoreScript).Assembly, $"Limits/Scripts/{file}.lua"))]);
        Hash = SHA1.HashData(Encoding.UTF8.GetBytes(Text));
    }

    public string Text { get; }

    public byte[] Hash { get; }
}
