using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Spool;

/// <summary>
/// A random life of a spool on a <see cref="ForgetfulDisk"/>, beside a model of it: the list of what was said to it, how much of that it has
/// acknowledged, and how much as durable. After each crash what it has must be what was said, to some point beyond what it had to keep.
/// </summary>
internal sealed class SpoolHistory
{
    private static readonly DateTimeOffset At = new(2026, 11, 23, 1, 0, 0, TimeSpan.Zero);
    private static readonly ModelPrice Price = new() { Provider = "openai", Model = "m", Currency = "USD", Input = 0.15m, Output = 0.6m, Version = "v" };

    private readonly Random _random;
    private readonly SpoolOptions _options;
    private readonly ForgetfulDisk _disk;
    private readonly List<Said> _said = [], _later = [];
    private readonly List<(Task Task, int Said)> _waiting = [];
    private readonly Dictionary<Guid, byte[]> _shipped = [];
    private readonly HashSet<Guid> _settled = [];
    private Dictionary<Guid, BeginRecord> _running = [], _ended = [];
    private CallSpool _spool = null!;
    private int _acknowledged, _durable, _trimmed, _calls;
    private bool _isBroken, _sameBoot;

    public SpoolHistory(int seed)
    {
        _random = new Random(seed);
        _disk = new ForgetfulDisk(_random);
        _options = new SpoolOptions
        {
            Directory = "/disk", MaxBytes = _random.Next(4) == 0 ? 64 << 10 : 1 << 20, Sync = _random.Next(2) == 0, SegmentBytes = _random.Next(1_500, 9_000), FlushInterval = TimeSpan.Zero,
        };
    }

    /// <summary>What was said, in the order of the log.</summary>
    private sealed record Said(RecordKind Kind, Guid Id, byte[] Payload);

    public int Crashes { get; private set; }

    public int Holes { get; private set; }

    public void Run(int crashes)
    {
        Start();
        while (Crashes < crashes)
        {
            var steps = _random.Next(5, 60);
            if (_random.Next(3) > 0)
                _disk.GoesIn = _random.Next(1, 120);
            try
            {
                for (var i = 0; i < steps && !_disk.IsGone; i++)
                    Step();
            }
            catch (GoneException)
            {
            }
            Crash();
        }
        Finish();
    }

    private void Step()
    {
        switch (_random.Next(24))
        {
            case < 6:
                Begin();
                break;
            case < 9:
                if (Pick(_running) is { } running)
                    Progress(running);
                break;
            case < 13:
                if (Pick(_running) is { } ending)
                    End(ending, new CallOutcome { Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, OutputTokens = _random.Next(100) }, EndedAt = At });
                break;
            case < 17:
                if (Pick(_ended) is { } settling)
                    Settle(settling);
                break;
            case < 21:
                Flush();
                break;
            case < 23:
                Ship(_random.Next(1, 12));
                break;
            default:
                if (_random.Next(4) > 0)
                    break;
                if (_random.Next(2) == 0)
                    _disk.Room = _random.Next(3_000);
                else
                    _disk.FailsNextFlush = true;
                break;
        }
    }

    private void Begin()
    {
        if (_spool.Refuses() is not null)
            return;
        var begin = new BeginRecord
        {
            Id = new Guid(_calls++, 0, 0, new byte[8]), At = At, AtSource = "redis", OrgId = "o", Org = "acme", KeyId = new string('k', _random.Next(1, 700)), Provider = "openai", Upstream = "openai",
            Route = "/v1/chat/completions", Model = "m", Stream = true, StartedAt = At, InputEstimate = _calls, OutputBound = 1_000, Price = Price, Counters = [],
        };
        Append(RecordKind.Begin, begin.Id, JsonSerializer.SerializeToUtf8Bytes(begin, SpoolJson.Default.BeginRecord), async () => await _spool.BeginAsync(begin));
        _running[begin.Id] = begin;
    }

    private void End(BeginRecord begin, CallOutcome outcome)
    {
        var seq = _said.Count(said => said.Kind == RecordKind.End) + 1;
        var payload = JsonSerializer.SerializeToUtf8Bytes(UsageEventComposer.Compose(begin, outcome, "gw", seq), UsageJson.Default.UsageEvent);
        if (!Append(RecordKind.End, begin.Id, payload, async () => await _spool.EndAsync(begin, outcome)))
            return;
        _running.Remove(begin.Id);
        _ended[begin.Id] = begin;
    }

    private bool Append(RecordKind kind, Guid id, byte[] payload, Func<Task> act)
    {
        if (_isBroken)
        {
            Should.Throw<IOException>(() => act().GetAwaiter().GetResult());
            return false;
        }
        _said.AddRange(_later);
        _said.Add(new Said(kind, id, payload));
        _later.Clear();
        var task = act();
        if (task.IsFaulted)
        {
            Gone(task.Exception!.InnerException!);
            _isBroken = true;   // and the record is there, or not
            _spool.Refuses().ShouldBe("the spool's disk failed");
            return false;
        }
        _acknowledged = _said.Count;
        task.IsCompleted.ShouldBe(!_options.Sync);
        if (_options.Sync)
            _waiting.Add((task, _said.Count));
        return true;
    }

    private void Progress(BeginRecord begin)
    {
        var progress = new ProgressRecord(begin.Id, At.AddSeconds(_calls), null, _random.Next(1, 500), null);
        var isFull = _spool.Share >= SpoolFill.Warned;
        _spool.Progressed(progress);
        if (!_isBroken && !isFull)
            _later.Add(new Said(RecordKind.Progress, begin.Id, JsonSerializer.SerializeToUtf8Bytes(progress, SpoolJson.Default.ProgressRecord)));
    }

    private void Settle(BeginRecord begin)
    {
        var settled = new SettledRecord(begin.Id, "0.1", "USD");
        _spool.Settled(settled);
        _settled.Add(begin.Id);
        _ended.Remove(begin.Id);
        if (!_isBroken)
            _later.Add(new Said(RecordKind.Settled, begin.Id, JsonSerializer.SerializeToUtf8Bytes(settled, SpoolJson.Default.SettledRecord)));
    }

    private void Flush()
    {
        var (wasBroken, hadLater, end) = (_isBroken, _later.Count > 0, _spool.End);
        _said.AddRange(_later);
        _later.Clear();
        _spool.FlushOnce();
        if (_disk.IsGone)
            throw new GoneException();
        _isBroken |= _spool.Refuses() == "the spool's disk failed";
        if (!_isBroken)
            _acknowledged = _said.Count;
        if (!wasBroken && _spool.Durable == _spool.End)
            _durable = hadLater && _spool.End == end ? _acknowledged : _said.Count;   // broken by writing what waited, or not before all was fsynced
        foreach (var (task, _) in _waiting.Where(waiting => _isBroken || waiting.Said <= _durable))
            Should.CompleteIn(async () => await task.ContinueWith(it => it.IsFaulted, TaskScheduler.Default), TimeSpan.FromSeconds(10));
        _waiting.RemoveAll(waiting => waiting.Task.IsCompleted);
    }

    /// <summary>Confirms what is read, all of which must be durable, and moves the cursor over it.</summary>
    private void Ship(int most)
    {
        var (position, at) = ReadCursor();
        foreach (var entry in _spool.Read(position).Take(most))
        {
            position = entry.Next;
            if (entry.Kind is RecordKind.Segment or RecordKind.Mark)
                continue;
            at.ShouldBeLessThan(_durable, "only what is fsynced is shipped");
            Same(entry.Payload, _said[at].Payload, "shipped as it was said");
            if (entry.Kind == RecordKind.End && !_shipped.TryAdd(_said[at].Id, entry.Payload))
                Same(_shipped[_said[at].Id], entry.Payload, "shipped again, the same bytes");
            at++;
        }
        if (_disk.Room is not null)
            return;   // the cursor could not be written: the same is shipped again
        _disk.Replace("cursor", JsonSerializer.SerializeToUtf8Bytes((Position: position, At: at), Fields));
        _trimmed = Math.Max(_trimmed, at);   // at the most
        _spool.Trim(position);
    }

    private static readonly JsonSerializerOptions Fields = new() { IncludeFields = true };

    private (SpoolPosition Position, int At) ReadCursor() =>
        _disk.ReadWhole("cursor") is { } cursor ? JsonSerializer.Deserialize<(SpoolPosition, int)>(cursor, Fields) : (_spool.Start, 0);

    /// <summary>The power goes, or the process; then it starts again, which may take several tries.</summary>
    private void Crash()
    {
        var isPower = _random.Next(2) == 0;
        while (true)
        {
            Crashes++;
            _disk.Room = _random.Next(4) == 0 ? _random.Next(3_000) : null;
            _disk.Restart(hadPower: !isPower);
            _sameBoot &= !isPower;
            if (_random.Next(4) == 0)
                CheckThatRecoveryIsTheSameEachTime();
            if (_random.Next(4) == 0)
                _disk.GoesIn = _random.Next(40);
            try
            {
                Start(mustKeep: isPower ? _durable : _acknowledged);
                return;
            }
            catch (GoneException)
            {
                isPower |= _random.Next(2) == 0;
            }
            catch (IOException problem) when (problem is not SpoolDamagedException && _disk.Room is not null)
            {
                // No room for what a start writes: nothing is lost by that.
            }
        }
    }

    private void Start(int mustKeep = 0)
    {
        _spool = CallSpool.Open(_options, _disk, "gw", _sameBoot, new TallyFile(_disk));
        _later.Clear();
        _waiting.Clear();
        var found = _spool.Read(_spool.Start).Where(entry => entry.Kind is not (RecordKind.Segment or RecordKind.Mark)).Select(entry => entry.Payload).ToList();
        var kept = Enumerable.Range(mustKeep, _said.Count - mustKeep + 1).Reverse().FirstOrDefault(end => end >= found.Count && end - found.Count <= _trimmed && IsAt(end - found.Count, found), -1);
        kept.ShouldBeGreaterThanOrEqualTo(0, $"of {_said.Count} records {mustKeep} had to be kept; the {found.Count} found are not the last of any so many, {_trimmed} of which may be gone");
        Holes += kept < _said.Count ? 1 : 0;
        _said.RemoveRange(kept, _said.Count - kept);
        (_acknowledged, _durable, _trimmed, _isBroken) = (kept, kept, Math.Min(_trimmed, kept), false);
        CheckEnds();
        Recover();
    }

    private bool IsAt(int start, List<byte[]> found)
    {
        for (var i = 0; i < found.Count; i++)
        {
            if (!found[i].AsSpan().SequenceEqual(_said[start + i].Payload))
                return false;
        }
        return true;
    }

    /// <summary>As <see cref="SpoolRecovery"/> does it.</summary>
    private void Recover()
    {
        var open = _spool.Recovered.ToDictionary(call => call.Begin.Id);
        foreach (var id in open.Keys.Where(id => _said.Any(said => said.Kind == RecordKind.Settled && said.Id == id)))
            throw new ShouldAssertException($"{id} is settled and comes back");
        foreach (var id in Ids(RecordKind.Begin).Except(_settled))   // that one is settled may be lost; then it is settled again, or is gone with its segment
            open.ShouldContainKey(id);
        _ended = open.Values.Where(call => call.End is not null).ToDictionary(call => call.Begin.Id, call => call.Begin);
        _running = [];
        foreach (var call in _spool.Recovered.Where(call => call.End is null))
        {
            var last = _said.LastOrDefault(said => said.Kind == RecordKind.Progress && said.Id == call.Begin.Id);
            (call.Progress is null).ShouldBe(last is null);
            if (last is not null)
                Same(JsonSerializer.SerializeToUtf8Bytes(call.Progress, SpoolJson.Default.ProgressRecord), last.Payload, "the last progress");
            End(call.Begin, UsageEventComposer.Abandoned(call.Begin, call.Progress));
            if (_isBroken)
                return;
        }
        _sameBoot = true;
    }

    private IEnumerable<Guid> Ids(RecordKind kind) => _said.Where(said => said.Kind == kind).Select(said => said.Id);

    private void CheckEnds()
    {
        var ends = _said.Where(said => said.Kind == RecordKind.End).Select(said => JsonSerializer.Deserialize(said.Payload, UsageJson.Default.UsageEvent)!).ToList();
        ends.Select(end => end.Seq).ShouldBe(Enumerable.Range(1, ends.Count).Select(seq => (long)seq));
        ends.Select(end => end.Id).Distinct().Count().ShouldBe(ends.Count, "a call has one end");
        foreach (var (id, payload) in _shipped)
            Same(_said.Single(said => said.Kind == RecordKind.End && said.Id == id).Payload, payload, "what was shipped stays");
        _disk.Violations.ShouldBeEmpty();
    }

    private void CheckThatRecoveryIsTheSameEachTime()
    {
        List<byte[]> Recovered()
        {
            var disk = _disk.Clone(seed: 1);
            disk.Room = null;
            var spool = CallSpool.Open(_options, disk, "gw", _sameBoot, new TallyFile(disk));
            foreach (var call in spool.Recovered.Where(call => call.End is null))
                _ = spool.EndAsync(call.Begin, UsageEventComposer.Abandoned(call.Begin, call.Progress)).AsTask();
            spool.FlushOnce();
            return [.. spool.Read(spool.Start).Where(entry => entry.Kind is not (RecordKind.Segment or RecordKind.Mark)).Select(entry => entry.Payload)];
        }

        var (first, second) = (Recovered(), Recovered());
        first.Count.ShouldBe(second.Count);
        for (var i = 0; i < first.Count; i++)
            Same(first[i], second[i], "recovered twice");
    }

    /// <summary>At the end each call that began has one event, and it was shipped; then bits flip.</summary>
    private void Finish()
    {
        _disk.GoesIn = -1;
        if (_isBroken || _spool.Refuses() == "the spool's disk failed")
        {
            _disk.Restart(hadPower: true);
            _disk.Room = null;
            Start(_acknowledged);
        }
        _disk.Room = null;
        _disk.FailsNextFlush = false;
        foreach (var begin in _running.Values.ToArray())
            End(begin, UsageEventComposer.Abandoned(begin));
        Quiet();
        CheckFlips();
        Ship(int.MaxValue);
        Ids(RecordKind.Begin).Except(Ids(RecordKind.End)).ShouldBeEmpty("each call has its event");
        Ids(RecordKind.End).Except(_shipped.Keys).ShouldBeEmpty("each event is shipped");
        CheckEnds();
    }

    private void Quiet()
    {
        Flush();
        for (var i = 0; i <= SpoolLog.QuietRounds; i++)
            _spool.FlushOnce();
        _spool.Durable.ShouldBe(_spool.End);
        _durable.ShouldBe(_said.Count);
    }

    /// <summary>Whatever bit flips in what is fsynced, the start says where; also when the power goes with more on its way.</summary>
    private void CheckFlips()
    {
        var start = _spool.Start;
        var records = new List<(SpoolPosition From, SpoolPosition To)>();
        foreach (var entry in _spool.Read(start))
        {
            var from = records.Count > 0 && records[^1].To.Segment == entry.Next.Segment ? records[^1].To : new SpoolPosition(entry.Next.Segment, 0);
            records.Add((from, entry.Next));
        }
        records.RemoveAt(records.Count - 1);   // the last mark, which none covers: without it nothing is lost
        if (_random.Next(2) == 0)
            Begin();
        for (var i = 0; i < 6; i++)
        {
            var (from, to) = records[_random.Next(records.Count)];
            var offset = _random.Next((int)from.Offset, (int)to.Offset);
            var isPower = _random.Next(2) == 0;
            var disk = _disk.Clone(seed: i);
            disk.Restart(hadPower: !isPower);
            disk.Flip(SegmentName.Of(to.Segment), offset, _random.Next(8));
            var problem = Should.Throw<SpoolDamagedException>(() => CallSpool.Open(_options, disk, "gw", !isPower, new TallyFile(disk)), $"byte {offset} of {to.Segment}");
            problem.File.ShouldBe(disk.PathOf(SegmentName.Of(to.Segment)));
            problem.Offset.ShouldBe(from.Offset == 0 && offset >= SpoolFormat.PreambleBytes ? SpoolFormat.PreambleBytes : from.Offset);
            Should.Throw<SpoolDamagedException>(() => SpoolReader.Read(disk, start, _spool.Durable).Count()).Offset.ShouldBe(problem.Offset);
        }
        Flush();
        foreach (var begin in _running.Values.ToArray())
            End(begin, UsageEventComposer.Abandoned(begin));
        Flush();
    }

    private static void Same(byte[] one, byte[] other, string why) => one.AsSpan().SequenceEqual(other).ShouldBeTrue(why);

    private BeginRecord? Pick(Dictionary<Guid, BeginRecord> calls) => calls.Count == 0 ? null : calls.ElementAt(_random.Next(calls.Count)).Value;

    private static void Gone(Exception problem)
    {
        if (problem is GoneException)
            throw problem;
        problem.ShouldBeOfType<IOException>();
    }
}
