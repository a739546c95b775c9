using Quota.Gateway.Spool;

namespace Quota.Gateway.Tests.Spool;

/// <summary>A disk that fails, fills up or hangs under a log that is written, one thing at a time.</summary>
public sealed class SpoolLogTests
{
    private readonly ForgetfulDisk _disk = new(new Random(1));

    private CallSpool Open(bool sync = false, long segmentBytes = 8_192, bool sameBoot = true) => CallSpool.Open(
        new SpoolOptions { Directory = "/disk", MaxBytes = 1 << 20, Sync = sync, SegmentBytes = segmentBytes, FlushInterval = TimeSpan.Zero }, _disk, "gw", sameBoot, new TallyFile(_disk));

    private int Bytes => SegmentName.In(_disk).Sum(segment => _disk.ReadWhole(SegmentName.Of(segment))!.Length);

    [Fact]
    public async Task After_a_failed_fsync_nothing_is_written_any_more()
    {
        var spool = Open(sync: true);
        var waits = spool.BeginAsync(SomeRecords.Begin()).AsTask();
        _disk.FailsNextFlush = true;
        spool.FlushOnce();
        await Should.ThrowAsync<IOException>(() => waits);
        spool.Refuses().ShouldBe("the spool's disk failed");
        var before = Bytes;
        await Should.ThrowAsync<IOException>(async () => await spool.BeginAsync(SomeRecords.Begin()));
        await Should.ThrowAsync<IOException>(async () => await spool.EndAsync(SomeRecords.Begin(), SomeRecords.Outcome()));
        spool.Settled(new SettledRecord(Guid.Empty, null, null));
        for (var i = 0; i < 50; i++)
            spool.FlushOnce();   // the next fsync would succeed
        Bytes.ShouldBe(before);
        _disk.Violations.ShouldBeEmpty();
        spool.Durable.Segment.ShouldBe(0);
    }

    [Fact]
    public async Task What_was_written_before_a_failed_fsync_is_copied_by_the_next_start()
    {
        var (spool, begin) = (Open(), SomeRecords.Begin());
        await spool.BeginAsync(begin);
        _disk.FailsNextFlush = true;
        spool.FlushOnce();
        _disk.Restart(hadPower: true);
        Open().Recovered.Single().Begin.Id.ShouldBe(begin.Id);   // from the kernel's memory, which says that it is clean
        _disk.Restart(hadPower: false);
        Open(sameBoot: false).Recovered.Single().Begin.Id.ShouldBe(begin.Id);
    }

    [Fact]
    public async Task A_full_disk_refuses_and_tells_who_waits_and_a_restart_with_room_goes_on()
    {
        var (spool, begin) = (Open(sync: true), SomeRecords.Begin());
        var waits = spool.BeginAsync(begin).AsTask();
        _disk.Room = 100;
        await Should.ThrowAsync<IOException>(async () => await spool.EndAsync(begin, SomeRecords.Outcome()));
        spool.FlushOnce();
        await Should.ThrowAsync<IOException>(() => waits.WaitAsync(TimeSpan.FromSeconds(10)));
        spool.Refuses().ShouldBe("the spool's disk failed");
        _disk.Restart(hadPower: true);
        Should.Throw<IOException>(() => Open());   // still no room for what a start writes
        _disk.Restart(hadPower: true);
        _disk.Room = null;
        var again = Open();
        again.Recovered.Single().ShouldSatisfyAllConditions(call => call.Begin.Id.ShouldBe(begin.Id), call => call.End.ShouldBeNull());
        again.Refuses().ShouldBeNull();
    }

    /// <summary>Bounded by a segment's bytes: so much may be lost with the power if the disk never comes back.</summary>
    [Fact]
    public async Task A_disk_that_hangs_in_an_fsync_holds_up_no_call_and_after_a_segment_lets_none_begin()
    {
        var (spool, calls) = (Open(), 0);
        using var isHanging = new ManualResetEventSlim();
        using var goesOn = new ManualResetEventSlim();
        var holder = new Thread(() =>
        {
            lock (_disk.Hang)
            {
                isHanging.Set();
                goesOn.Wait();
            }
        });
        holder.Start();
        isHanging.Wait();
        await SomeRecords.CallAsync(spool);
        var flusher = new Thread(() => spool.FlushOnce());
        flusher.Start();
        while (spool.Refuses() is null)
        {
            await SomeRecords.CallAsync(spool).WaitAsync(TimeSpan.FromSeconds(5));
            calls++;
        }
        spool.Refuses().ShouldBe("the spool's disk does not keep up");
        calls.ShouldBeInRange(4, 10);   // of 8 KiB
        var open = SomeRecords.Begin();
        await spool.BeginAsync(open).AsTask().WaitAsync(TimeSpan.FromSeconds(5));   // who was let in before goes on
        await spool.EndAsync(open, SomeRecords.Outcome()).AsTask().WaitAsync(TimeSpan.FromSeconds(5));
        spool.Durable.Segment.ShouldBe(0);   // and nothing of it is shipped
        goesOn.Set();
        flusher.Join();
        holder.Join();
        spool.FlushOnce();
        spool.Refuses().ShouldBeNull();
        spool.Durable.ShouldBe(spool.End);
    }

    [Fact]
    public async Task Who_appends_never_waits_for_an_fsync_nor_when_a_segment_is_full()
    {
        var spool = Open(segmentBytes: 4_096);
        for (var i = 0; i < 60; i++)
        {
            var flushes = _disk.Flushes;
            await SomeRecords.CallAsync(spool);
            _disk.Flushes.ShouldBe(flushes);
            if (i % 2 == 0)
                spool.FlushOnce();
        }
        spool.FlushOnce();
        spool.Durable.Segment.ShouldBeGreaterThan(10);
        spool.Durable.ShouldBe(spool.End);
    }

    [Fact]
    public async Task A_quiet_log_comes_to_rest()
    {
        var spool = Open();
        await SomeRecords.CallAsync(spool);
        for (var i = 0; i < 3 * SpoolLog.QuietRounds; i++)
            spool.FlushOnce();
        spool.Durable.ShouldBe(spool.End);
        var (end, flushes) = (spool.End, _disk.Flushes);
        for (var i = 0; i < 3 * SpoolLog.QuietRounds; i++)
            spool.FlushOnce();
        (spool.End, _disk.Flushes).ShouldBe((end, flushes));
    }
}
