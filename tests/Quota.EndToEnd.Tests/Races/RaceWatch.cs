using System.Globalization;
using System.Net.Sockets;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>
/// Looks into the store while the race is on; each look sees one instant. Whatever happens around it, at every instant held is what the
/// open holds say, used + held is no more than the limit, and no hold is long past its deadline.
/// </summary>
internal sealed class RaceWatch(RaceField field, IReadOnlyList<RaceStanding> standings, List<RaceBreach> breaches)
{
    /// <summary>Time for a sweep that is due on a busy machine, beyond the sweep's own interval.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(1.5);

    private const string Script = """
        local e = redis.call('HMGET', KEYS[1], 'id', 'run', 'state')
        if not e[1] then return {} end
        local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
        local clock = redis.call('TIME')
        local base = string.sub(KEYS[1], 1, -2) .. e[1]
        local lines = { table.concat({ 'e', run, (e[3] == 'open' and e[2] == run) and 'open' or 'closed', string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)) }, ' ') }
        for _, cid in ipairs(ARGV) do
          local c = redis.call('HMGET', base .. ':c:' .. cid, 'live', 'seed', 'held')
          lines[#lines + 1] = table.concat({ 'c', cid, c[1] or '0', c[2] or '0', c[3] or '0' }, ' ')
        end
        for _, rid in ipairs(redis.call('ZRANGE', base .. ':x', 0, -1)) do
          local h = redis.call('HMGET', base .. ':h:' .. rid, 'state', 'deadline', 'counters', 'quantities')
          if h[1] then
            local quantities = { struct.unpack('<' .. string.rep('d', #h[4] / 8), h[4]) }
            for i = 1, #quantities do quantities[i] = string.format('%.0f', quantities[i]) end
            lines[#lines + 1] = table.concat({ 'h', rid, h[1], h[2], (string.gsub(h[3], ' ', ',')), table.concat(quantities, ',') }, ' ')
          end
        end
        return lines
        """;

    private readonly Dictionary<string, RaceLimit> _limitOf =
        standings.ToDictionary(standing => standing.Counter, standing => field.Org.Limits.Single(limit => limit.Code == standing.Code));

    private readonly HashSet<(RaceCheck, string)> _found = [];
    private string _run = "";
    private long? _openSince;

    /// <summary>How often it could look.</summary>
    public int Looks { get; private set; }

    /// <summary>The longest that any hold stayed behind its deadline while the store was open.</summary>
    public TimeSpan LongestOverdue { get; private set; }

    /// <summary>The most holds that were open at one time.</summary>
    public int MostOpen { get; private set; }

    /// <summary>Holds that are there now, whatever their state; null when the store cannot be asked.</summary>
    public async Task<int?> OpenHoldsAsync() => (await LookAsync())?.Count(line => line[0] == "h");

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await LookAsync();
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private async Task<string[][]?> LookAsync()
    {
        string? answer;
        try
        {
            answer = await field.Redis.CommandAsync(["EVAL", Script, "1", await field.EpochKeyAsync(), .. standings.Select(standing => standing.Counter)]).WaitAsync(TimeSpan.FromSeconds(1));
        }
        catch (Exception problem) when (problem is SocketException or IOException or RedisErrorException or TimeoutException)
        {
            _openSince = null;
            return null;
        }
        if (string.IsNullOrEmpty(answer))
            return [];
        string[][] lines = [.. answer.Split('\n').Select(line => line.Split(' '))];
        Check(lines);
        return lines;
    }

    private void Check(string[][] lines)
    {
        lock (breaches)
        {
            Looks++;
            var (run, isOpen, now) = (lines[0][1], lines[0][2] == "open", Number(lines[0][3]));
            if ((_openSince is not null) != isOpen)
                field.Note(isOpen ? "the counters are open" : "the counters are closed");
            _openSince = !isOpen ? null : run == _run && _openSince is { } since ? since : now;
            _run = run;
            Dictionary<string, long> held = [];
            foreach (var hold in lines.Where(line => line[0] == "h" && line[2] == "held"))
            {
                var (counters, quantities) = (hold[4].Split(','), hold[5].Split(','));
                for (var i = 0; i < counters.Length; i++)
                    held[counters[i]] = held.GetValueOrDefault(counters[i]) + Number(quantities[i]);
                if (_openSince is { } open)
                    CheckDeadline(hold[1], TimeSpan.FromMilliseconds(now - Math.Max(open, Number(hold[3]))));
            }
            foreach (var counter in lines.Where(line => line[0] == "c"))
                CheckCounter(_limitOf[counter[1]], Number(counter[2]) + Number(counter[3]), Number(counter[4]), held.GetValueOrDefault(counter[1]));
            MostOpen = Math.Max(MostOpen, lines.Count(line => line[0] == "h" && line[2] == "held"));
        }
    }

    private void CheckDeadline(string request, TimeSpan overdue)
    {
        if (overdue > LongestOverdue)
            LongestOverdue = overdue;
        if (overdue > field.HoldDeadline / 3 + Slack)
            Breach(RaceCheck.HoldsEndInTime, request, $"the hold of {request} is {overdue.TotalSeconds:0.0} s past its deadline and not reaped");
    }

    private void CheckCounter(RaceLimit limit, long used, long held, long openHolds)
    {
        if (held != openHolds)
            Breach(RaceCheck.HeldIsOpenHolds, limit.Code, $"{limit.Code}: held is {held}, its open holds make {openHolds}");
        // A rate's use drains with time, which is not reckoned in here.
        if (!limit.IsRate && (limit.Meter == RaceOrg.Concurrency ? held : used + held) > limit.Most)
            Breach(RaceCheck.NeverPassed, limit.Code, $"{limit.Code}: used {used} + held {held} > {limit.Most}");
    }

    /// <summary>Once for each thing: what is wrong stays wrong in the next look.</summary>
    private void Breach(RaceCheck check, string of, string what)
    {
        if (_found.Add((check, of)))
            breaches.Add(new RaceBreach(check, what));
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
