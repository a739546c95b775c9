using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>A call that an earlier run began; <paramref name="End"/> is its event when it got that far.</summary>
internal sealed record UnsettledCall(BeginRecord Begin, int Segment, UsageEvent? End)
{
    /// <summary>The last that was noted of its answer.</summary>
    public ProgressRecord? Progress { get; init; }
}

/// <summary>What a folder of segments holds that still matters.</summary>
internal sealed record SpoolContents(FoundLog Log, int FirstSegment, Dictionary<Guid, UnsettledCall> Unsettled, IReadOnlyList<UnsettledCall> Ended, long FirstSeq)
{
    /// <summary>Reads the whole log and makes what it read durable.</summary>
    /// <param name="sameBoot">Whether the machine has been up since the last run.</param>
    /// <param name="tallied">Events up to this number are in the tally's checkpoint.</param>
    /// <exception cref="SpoolDamagedException">A record is damaged.</exception>
    public static SpoolContents Read(ISpoolDisk disk, bool sameBoot, long tallied)
    {
        var (unsettled, ended) = (new Dictionary<Guid, UnsettledCall>(), new List<UnsettledCall>());
        var (firstSeq, nextSeq) = (0L, 1L);
        var scan = new SpoolScan(disk, sameBoot);
        foreach (var entry in scan.Read())
        {
            switch (entry.Kind)
            {
                case RecordKind.Segment:
                    var segment = JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.SegmentRecord)!;
                    (firstSeq, nextSeq) = (firstSeq == 0 ? segment.NextSeq : firstSeq, Math.Max(nextSeq, segment.NextSeq));
                    break;
                case RecordKind.Begin:
                    var begin = JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.BeginRecord)!;
                    unsettled[begin.Id] = new UnsettledCall(begin, entry.Next.Segment, null);
                    break;
                case RecordKind.Progress:
                    var progress = JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.ProgressRecord)!;
                    if (unsettled.TryGetValue(progress.Id, out var running))
                        unsettled[progress.Id] = running with { Progress = progress };
                    break;
                case RecordKind.End:
                    var end = JsonSerializer.Deserialize(entry.Payload, UsageJson.Default.UsageEvent)!;
                    nextSeq = Math.Max(nextSeq, end.Seq + 1);
                    if (!unsettled.TryGetValue(end.Id, out var call))
                        break;
                    unsettled[end.Id] = call = call with { End = end };
                    if (end.Seq > tallied)
                        ended.Add(call);
                    break;
                case RecordKind.Settled:
                    unsettled.Remove(JsonSerializer.Deserialize(entry.Payload, SpoolJson.Default.SettledRecord)!.Id);
                    break;
            }
        }
        var sizes = scan.Finish();
        return new SpoolContents(new FoundLog(scan.End, scan.NextSegment, sizes, nextSeq), scan.FirstSegment, unsettled, ended, Math.Max(1, firstSeq));
    }
}
