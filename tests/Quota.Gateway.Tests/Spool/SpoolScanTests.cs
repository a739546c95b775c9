using Quota.Gateway.Spool;

namespace Quota.Gateway.Tests.Spool;

/// <summary>The end of a log or damage: the counter-examples of <see cref="SpoolScan"/>, each by itself.</summary>
public sealed class SpoolScanTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-spool-");
    private readonly SpoolDisk _disk;

    public SpoolScanTests() => _disk = new SpoolDisk(_folder.FullName);

    private CallSpool Open(bool sameBoot, long segmentBytes = 64 << 20) => CallSpool.Open(
        new SpoolOptions { Directory = _folder.FullName, MaxBytes = 1 << 20, Sync = false, SegmentBytes = segmentBytes, FlushInterval = TimeSpan.Zero }, _disk, "gw", sameBoot, new TallyFile(_disk));

    private string PathOf(int segment) => _disk.PathOf(SegmentName.Of(segment));

    private static async Task<(Guid Id, SpoolPosition From)> BeginAsync(CallSpool spool)
    {
        var (from, begin) = (spool.End, SomeRecords.Begin());
        await spool.BeginAsync(begin);
        return (begin.Id, from);
    }

    private void MakeHole(SpoolPosition at)
    {
        var bytes = File.ReadAllBytes(PathOf(at.Segment));
        bytes.AsSpan((int)at.Offset, 100).Clear();
        File.WriteAllBytes(PathOf(at.Segment), bytes);
    }

    /// <summary>A, B and C were written, A fsynced; the power went, and the disk had already written C.</summary>
    [Fact]
    public async Task A_hole_in_what_was_not_fsynced_is_the_end_although_a_sound_record_lies_behind_it()
    {
        Guid kept;
        SpoolPosition hole;
        using (var spool = Open(sameBoot: false))
        {
            (kept, _) = await BeginAsync(spool);
            spool.FlushOnce();
            (_, hole) = await BeginAsync(spool);
            await BeginAsync(spool);   // its mark says that A is durable, no more
        }
        MakeHole(hole);
        using var again = Open(sameBoot: false);
        again.Recovered.Select(call => call.Begin.Id).ShouldBe([kept]);
        again.Read(again.Start).Last().Next.ShouldBe(hole);
    }

    [Fact]
    public async Task A_hole_in_what_was_fsynced_is_damage_by_the_mark_behind_it()
    {
        SpoolPosition hole;
        using (var spool = Open(sameBoot: false))
        {
            await BeginAsync(spool);
            (_, hole) = await BeginAsync(spool);
            spool.FlushOnce();
            await BeginAsync(spool);   // not fsynced, but it brings the mark with it
        }
        MakeHole(hole);
        var before = File.ReadAllBytes(PathOf(1));
        var problem = Should.Throw<SpoolDamagedException>(() => Open(sameBoot: false));
        (problem.File, problem.Offset).ShouldBe((PathOf(1), hole.Offset));
        File.ReadAllBytes(PathOf(1)).ShouldBe(before);   // nothing was cut away
    }

    /// <summary>Without a power loss in between the kernel had everything: no hole comes about by itself.</summary>
    [Fact]
    public async Task Within_one_boot_any_hole_is_damage()
    {
        SpoolPosition hole;
        using (var spool = Open(sameBoot: false))
        {
            (_, hole) = await BeginAsync(spool);
            await BeginAsync(spool);
        }
        MakeHole(hole);
        Should.Throw<SpoolDamagedException>(() => Open(sameBoot: true)).Offset.ShouldBe(hole.Offset);
    }

    /// <summary>The older segment was not fsynced yet when the next was begun, and lost its end cleanly, between two records.</summary>
    [Fact]
    public async Task A_segment_that_lost_its_end_takes_those_after_it_along()
    {
        List<(Guid Id, SpoolPosition From)> calls = [];
        using (var spool = Open(sameBoot: false, segmentBytes: 2_000))
        {
            spool.FlushOnce();
            while (spool.End.Segment == 1)
            {
                calls.Add(await BeginAsync(spool));
                if (calls.Count == 2)
                    spool.FlushOnce();   // makes the next segment ready, too
            }
        }
        var last = calls.Last(call => call.From.Segment == 1 && call.From != calls[^1].From);
        File.WriteAllBytes(PathOf(1), File.ReadAllBytes(PathOf(1))[..(int)last.From.Offset]);
        using var again = Open(sameBoot: false);
        again.Recovered.Count.ShouldBe(calls.IndexOf(last));
        SegmentName.In(_disk).ShouldBe([1, 3]);   // 2 is cut, and its number not given again
    }

    [Fact]
    public async Task A_segment_that_is_missing_is_damage()
    {
        using (var spool = Open(sameBoot: false, segmentBytes: 1_000))
        {
            for (var i = 0; i < 8; i++)
            {
                await BeginAsync(spool);
                spool.FlushOnce();
            }
            spool.End.Segment.ShouldBeGreaterThan(3);
        }
        File.Delete(PathOf(2));
        Should.Throw<SpoolDamagedException>(() => Open(sameBoot: false)).File.ShouldBe(PathOf(1));
    }

    [Fact]
    public async Task A_damaged_preamble_is_damage()
    {
        using (var spool = Open(sameBoot: false))
            await BeginAsync(spool);
        MakeHole(new SpoolPosition(1, 3));
        Should.Throw<SpoolDamagedException>(() => Open(sameBoot: false)).ShouldSatisfyAllConditions(it => it.File.ShouldBe(PathOf(1)), it => it.Offset.ShouldBe(0));
    }

    [Fact]
    public async Task What_a_former_file_left_in_the_same_place_is_no_record()
    {
        byte[] former;
        using (var spool = Open(sameBoot: false))
        {
            await BeginAsync(spool);
            former = File.ReadAllBytes(PathOf(1));
        }
        File.Delete(PathOf(1));
        using (var spool = Open(sameBoot: false))
            spool.FlushOnce();
        var now = File.ReadAllBytes(PathOf(1));
        former.AsSpan(now.Length).Length.ShouldBeGreaterThan(300);
        File.WriteAllBytes(PathOf(1), [.. now, .. former[now.Length..]]);   // the segments' first records have the same length
        using var again = Open(sameBoot: false);
        again.Recovered.ShouldBeEmpty();
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
