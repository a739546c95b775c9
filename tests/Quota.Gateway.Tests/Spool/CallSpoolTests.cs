using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>What is written is read back; what is torn is cut; what is damaged stops.</summary>
public sealed class CallSpoolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-spool-");

    private SpoolOptions Options(long segmentBytes = 64 << 20, bool sync = false) =>
        new() { Directory = _folder.FullName, MaxBytes = 1 << 20, Sync = sync, SegmentBytes = segmentBytes };

    private CallSpool Open(SpoolOptions? options = null)
    {
        options ??= Options();
        var folder = SpoolFolder.Open(options, TimeProvider.System);
        return CallSpool.Open(options, folder, new TallyFile(folder.Disk));
    }

    private static BeginRecord Begin(int words = 10) => SomeRecords.Begin(words);

    private static CallOutcome Outcome() => SomeRecords.Outcome();

    private static bool IsSettled(SpoolEntry entry, BeginRecord call) =>
        entry.Kind == RecordKind.Settled && JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.SettledRecord)!.Id == call.Id;

    private SpoolDisk Disk => new(_folder.FullName);

    private string LastSegment => Disk.PathOf(SegmentName.Of(SegmentName.In(Disk)[^1]));

    private SpoolContents Contents(bool sameBoot = true) => SpoolContents.Read(Disk, sameBoot, tallied: 0);

    [Fact]
    public async Task A_call_that_is_settled_leaves_nothing_to_recover()
    {
        var begin = Begin();
        using (var spool = Open())
        {
            await spool.BeginAsync(begin);
            await spool.EndAsync(begin, Outcome());
            spool.Settled(new SettledRecord(begin.Id, "0.1", "USD"));
            spool.OpenCalls.ShouldBe(0);
        }
        using var again = Open();
        again.Recovered.ShouldBeEmpty();
    }

    [Fact]
    public async Task Begun_and_ended_calls_are_found_again_with_their_event()
    {
        var (begun, ended) = (Begin(1), Begin(2));
        using (var spool = Open())
        {
            await spool.BeginAsync(begun);
            await spool.BeginAsync(ended);
            await spool.EndAsync(ended, Outcome());
        }
        using var again = Open();
        again.Recovered.Select(call => (call.Begin.Id, call.End?.Id)).ShouldBe([(begun.Id, null), (ended.Id, ended.Id)], ignoreOrder: true);
    }

    [Fact]
    public async Task The_last_progress_of_a_running_stream_is_found_again()
    {
        var (running, ended) = (Begin(1), Begin(2));
        using (var spool = Open())
        {
            await spool.BeginAsync(running);
            await spool.BeginAsync(ended);
            for (var second = 1; second <= 3; second++)
                spool.Progressed(new ProgressRecord(running.Id, DateTimeOffset.UnixEpoch.AddSeconds(second), null, 100 * second, null));
            await spool.EndAsync(ended, Outcome());
            spool.Progressed(new ProgressRecord(ended.Id, DateTimeOffset.UnixEpoch, null, 1_000, null));   // late: it has its end
        }
        using var again = Open();
        again.Recovered.Select(call => (call.Begin.Id, call.End?.Usage.OutputTokens, call.Progress?.OutputTokens)).ShouldBe([(running.Id, null, 300L), (ended.Id, 7L, 1_000L)], ignoreOrder: true);
    }

    [Fact]
    public async Task Sequence_numbers_go_on_without_a_gap_over_restarts_and_trimmed_segments()
    {
        List<long> seqs = [];
        for (var run = 0; run < 3; run++)
        {
            using var spool = Open();
            var begin = Begin();
            for (var i = 0; i < 4; i++)
            {
                begin = Begin();
                await spool.BeginAsync(begin);
                await spool.EndAsync(begin, Outcome());
                spool.Settled(new SettledRecord(begin.Id, null, null));
            }
            await Eventually.TrueAsync("all is fsynced", () => spool.Read(spool.Start).Any(entry => IsSettled(entry, begin)));
            var entries = spool.Read(spool.Start).ToArray();
            seqs.AddRange(entries.Where(entry => entry.Kind == RecordKind.End).Select(entry => JsonSerializer.Deserialize(entry.Payload, UsageJson.Default.UsageEvent)!.Seq));
            spool.Trim(entries[^1].Next);
        }
        seqs.Distinct().Order().ShouldBe(Enumerable.Range(1, 12).Select(seq => (long)seq));
    }

    [Fact]
    public async Task A_torn_tail_is_cut_and_the_rest_read()
    {
        var (first, second) = (Begin(), Begin());
        using (var spool = Open())
        {
            await spool.BeginAsync(first);
            await spool.BeginAsync(second);
        }
        var path = LastSegment;
        var whole = File.ReadAllBytes(path);
        var end = SpoolReader.Read(Disk, new SpoolPosition(1, 0), new SpoolPosition(1, whole.Length)).Last(entry => entry.Kind == RecordKind.Begin).Next.Offset;
        for (var lost = 1; lost < 60; lost++)
        {
            File.WriteAllBytes(path, whole[..(int)(end - lost)]);
            Contents(sameBoot: lost % 2 == 0).Unsettled.Keys.ShouldBe([first.Id]);
        }
        using var again = Open();
        again.Recovered.Single().Begin.Id.ShouldBe(first.Id);
    }

    [Fact]
    public async Task Damage_in_the_middle_stops_with_file_and_offset()
    {
        using (var spool = Open())
        {
            for (var i = 0; i < 3; i++)
                await spool.BeginAsync(Begin());
        }
        var path = LastSegment;
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        var problem = Should.Throw<SpoolDamagedException>(() => Contents());
        problem.File.ShouldBe(path);
        problem.Offset.ShouldBeGreaterThan(0);
        File.ReadAllBytes(path).ShouldBe(bytes);   // nothing was cut away
    }

    [Fact]
    public async Task Segments_are_deleted_once_shipped_and_settled_and_not_before()
    {
        using var spool = Open(Options(segmentBytes: 4096) with { FlushInterval = TimeSpan.Zero });
        var open = Begin();
        await spool.BeginAsync(open);
        for (var i = 0; i < 40; i++)
        {
            var begin = Begin();
            await spool.BeginAsync(begin);
            await spool.EndAsync(begin, Outcome());
            spool.Settled(new SettledRecord(begin.Id, null, null));
            spool.FlushOnce();
        }
        var end = spool.Durable;
        end.Segment.ShouldBeGreaterThan(5);
        spool.Trim(end);
        SegmentName.In(Disk)[0].ShouldBe(1);   // the open call's begin lies there
        await spool.EndAsync(open, Outcome());
        spool.Settled(new SettledRecord(open.Id, null, null));
        spool.Trim(end);
        SegmentName.In(Disk)[0].ShouldBe(1);   // should the power go now, its end is lost: then the begin is what its event is made of
        spool.FlushOnce();
        spool.Trim(end);
        SegmentName.In(Disk)[0].ShouldBe(end.Segment);
        SegmentName.In(Disk).Sum(segment => new FileInfo(Disk.PathOf(SegmentName.Of(segment))).Length - (segment > end.Segment ? SpoolFormat.PreambleBytes : 0)).ShouldBe(spool.Bytes);
    }

    [Fact]
    public async Task A_full_spool_refuses_new_calls_and_keeps_room_for_the_open_ones()
    {
        using var spool = Open();
        var calls = 0;
        while (spool.Refuses() is null)
        {
            await spool.BeginAsync(Begin());
            calls++;
        }
        calls.ShouldBeLessThan(1000);
        spool.Refuses().ShouldBe("the spool is full");
    }

    [Fact]
    public async Task Sync_waits_for_the_disk()
    {
        using var spool = Open(Options(sync: true));
        var begin = Begin();
        await spool.BeginAsync(begin);
        spool.Read(spool.Start).Last().Kind.ShouldBe(RecordKind.Begin);   // fsynced when the call returns
    }

    [Fact]
    public void A_folder_has_one_gateway()
    {
        using var spool = Open();
        Should.Throw<IOException>(() => Open()).Message.ShouldContain("in use by another gateway");
    }

    [Fact]
    public void Composing_twice_gives_the_same_bytes()
    {
        var begin = Begin();
        byte[] Bytes() => JsonSerializer.SerializeToUtf8Bytes(UsageEventComposer.Compose(begin, UsageEventComposer.Abandoned(begin), "i", 3), UsageJson.Default.UsageEvent);
        Bytes().ShouldBe(Bytes());
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
