using Quota.Gateway.Spool;

namespace Quota.Gateway.Tests.Spool;

/// <summary>The machine or the process has gone in the middle of what was asked of the disk.</summary>
internal sealed class GoneException : Exception;

/// <summary>
/// A disk in memory that loses what a real one may: of what was not flushed any sectors survive a power loss, whole or torn, in no order, and where
/// they are missing there are zeros or what another file had there; names that were not synced may be as they were; a failed flush forgets what it
/// did not write; it fills up in the middle of a write. The power, or the process, goes at any operation, in the middle of it.
/// </summary>
internal sealed class ForgetfulDisk(Random random) : ISpoolDisk
{
    private const int SectorBytes = 512;

    private Dictionary<string, Node> _names = [];
    private Dictionary<string, List<Node?>> _unsynced = [];   // the states of a name since it was durable, that one first
    private List<byte[]> _former = [];
    private int _run;

    /// <summary>So many operations from now the power or the process goes; never when negative.</summary>
    public int GoesIn { get; set; } = -1;

    public bool IsGone { get; private set; }

    /// <summary>So many bytes can be written yet; null when there is room.</summary>
    public int? Room { get; set; }

    public bool FailsNextFlush { get; set; }

    /// <summary>Held by whoever wants a flush to hang.</summary>
    public Lock Hang { get; } = new();

    /// <summary>Writes to a file of which a flush had failed, or over what was there.</summary>
    public List<string> Violations { get; } = [];

    public int Flushes { get; private set; }

    public ForgetfulDisk Clone(int seed)
    {
        var nodes = _names.Values.Concat(_unsynced.Values.SelectMany(states => states)).OfType<Node>().Distinct().ToDictionary(node => node, node => node.Clone());
        return new ForgetfulDisk(new Random(seed))
        {
            _names = _names.ToDictionary(pair => pair.Key, pair => nodes[pair.Value]),
            _unsynced = _unsynced.ToDictionary(pair => pair.Key, pair => pair.Value.Select(node => node is null ? null : nodes[node]).ToList()),
            _former = _former,
        };
    }

    /// <summary>The machine or the process is there again: all handles are dead; without power the kernel's memory is gone, too.</summary>
    public void Restart(bool hadPower)
    {
        (_run, IsGone, GoesIn, FailsNextFlush) = (_run + 1, false, -1, false);
        if (hadPower)
            return;
        foreach (var (name, states) in _unsynced)
            Set(_names, name, states[random.Next(states.Count)]);
        _unsynced.Clear();
        foreach (var node in _names.Values)
            node.Forget(random, _former);
    }

    public void Flip(string name, int offset, int bit)
    {
        var node = _names[name];
        node.Cache[offset] ^= (byte)(1 << bit);
        node.Disk[offset] ^= (byte)(1 << bit);
    }

    public IReadOnlyList<string> Names()
    {
        Step();
        return [.. _names.Keys.OrderBy(_ => random.Next())];
    }

    public string PathOf(string name) => "/disk/" + name;

    public ISpoolFile Create(string name)
    {
        Step();
        var node = new Node();
        if (!_names.TryAdd(name, node))
            throw new IOException(name + " exists");
        Unsynced(name, null).Add(node);
        return new OpenFile(this, node, canWrite: true);
    }

    public ISpoolFile Open(string name)
    {
        Step();
        return new OpenFile(this, NodeOf(name), canWrite: false);
    }

    public byte[]? ReadWhole(string name)
    {
        Step();
        return _names.TryGetValue(name, out var node) ? [.. node.Cache] : null;
    }

    public void Replace(string name, ReadOnlySpan<byte> content)
    {
        var isGoing = GoesIn == 0;
        if (!isGoing || random.Next(2) == 0)   // at once or not at all
        {
            if (Room is { } room && room < content.Length)
                throw new IOException("no space left");
            _names[name] = new Node { Cache = content.ToArray(), Disk = content.ToArray() };
            _unsynced.Remove(name);
        }
        Step();
    }

    public void Delete(string name)
    {
        Step();
        var node = NodeOf(name);
        Unsynced(name, node).Add(null);
        _names.Remove(name);
        _former.Add(node.Disk);
    }

    public void Sync()
    {
        Step();
        _unsynced.Clear();
    }

    private List<Node?> Unsynced(string name, Node? durable) => _unsynced.TryGetValue(name, out var states) ? states : _unsynced[name] = [durable];

    private Node NodeOf(string name) => _names.TryGetValue(name, out var node) ? node : throw new IOException(name + " is not there");

    private static void Set(Dictionary<string, Node> names, string name, Node? node)
    {
        if (node is null)
            names.Remove(name);
        else
            names[name] = node;
    }

    /// <summary>Counts an operation; the one it goes at does nothing, unless it says so itself.</summary>
    private void Step()
    {
        if (IsGone || GoesIn-- == 0)
        {
            IsGone = true;
            throw new GoneException();
        }
    }

    private sealed class OpenFile(ForgetfulDisk disk, Node node, bool canWrite) : ISpoolFile
    {
        private readonly int _run = disk._run;

        public long Length => node.Cache.Length;

        public int Read(Span<byte> into, long offset)
        {
            Step();
            var data = node.Cache.AsSpan((int)Math.Min(offset, node.Cache.Length));
            data = data[..Math.Min(data.Length, into.Length)];
            data.CopyTo(into);
            return data.Length;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            if (!canWrite || node.IsSuspect || offset != node.Cache.Length)
                disk.Violations.Add($"a write of {bytes.Length} bytes at {offset} of {node.Cache.Length}, suspect: {node.IsSuspect}");
            if (disk.GoesIn == 0 && !disk.IsGone)
                node.Write(bytes[..disk.Random.Next(bytes.Length + 1)], (int)offset);
            Step();
            if (disk.Room < bytes.Length)
            {
                node.Write(bytes[..disk.Room.Value], (int)offset);
                disk.Room = 0;
                throw new IOException("no space left");
            }
            disk.Room -= bytes.Length;
            node.Write(bytes, (int)offset);
        }

        public void Flush()
        {
            lock (disk.Hang)
                disk.Flushes++;
            if (disk.GoesIn == 0 && !disk.IsGone)
                node.Flush(_ => disk.Random.Next(2) == 0);
            Step();
            if (disk.FailsNextFlush)
            {
                disk.FailsNextFlush = false;
                node.IsSuspect = true;
                node.Flush(_ => disk.Random.Next(2) == 0);
                node.Dirty.Clear();   // as Linux does: the next flush has nothing to do and succeeds
                throw new IOException("input/output error");
            }
            node.Flush(_ => true);
        }

        public void Dispose()
        {
        }

        private void Step()
        {
            if (_run != disk._run)
                throw new InvalidOperationException("a handle of an earlier run");
            disk.Step();
        }
    }

    private Random Random => random;

    /// <summary>A file: as the kernel shows it, and as it is on the disk.</summary>
    private sealed class Node
    {
        public byte[] Cache { get; set; } = [];

        public byte[] Disk { get; set; } = [];

        public HashSet<int> Dirty { get; private init; } = [];

        public bool IsSuspect { get; set; }

        public Node Clone() => new() { Cache = [.. Cache], Disk = [.. Disk], Dirty = [.. Dirty], IsSuspect = IsSuspect };

        public void Write(ReadOnlySpan<byte> bytes, int offset)
        {
            if (bytes.IsEmpty)
                return;
            var cache = Cache;
            Array.Resize(ref cache, Math.Max(cache.Length, offset + bytes.Length));
            bytes.CopyTo(cache.AsSpan(offset));
            Cache = cache;
            for (var sector = offset / SectorBytes; sector <= (offset + bytes.Length - 1) / SectorBytes; sector++)
                Dirty.Add(sector);
        }

        public void Flush(Func<int, bool> takes)
        {
            var disk = Disk;
            Array.Resize(ref disk, Cache.Length);
            Disk = disk;
            foreach (var sector in Dirty.Where(takes).ToArray())
            {
                Of(Cache, sector).CopyTo(Of(Disk, sector));
                Dirty.Remove(sector);
            }
        }

        /// <summary>The power is gone: what is on the disk is what there is.</summary>
        public void Forget(Random random, List<byte[]> former)
        {
            var (kept, torn, stale, length) = (random.Next(5) switch { 0 => 0.0, 1 => 1.0, _ => random.NextDouble() }, random.Next(2) == 0, random.Next(2) == 0, Disk.Length);
            length = random.Next(3) switch { 0 => Disk.Length, 1 => Cache.Length, _ => random.Next(Math.Min(Disk.Length, Cache.Length), Math.Max(Disk.Length, Cache.Length) + 1) };
            var disk = Disk;
            Array.Resize(ref disk, Math.Max(length, Cache.Length));
            if (stale && former.Count > 0 && former[random.Next(former.Count)] is var other && other.Length > Disk.Length)
                other.AsSpan(Disk.Length, Math.Min(other.Length, disk.Length) - Disk.Length).CopyTo(disk.AsSpan(Disk.Length));
            foreach (var sector in Dirty.Where(_ => random.NextDouble() < kept))
            {
                var from = Of(Cache, sector);
                var to = Of(disk, sector)[..from.Length];
                var cut = torn ? random.Next(from.Length + 1) : from.Length;
                if (random.Next(2) == 0)
                    from[..cut].CopyTo(to);
                else
                    from[^cut..].CopyTo(to[^cut..]);
            }
            Disk = disk[..length];
            Cache = [.. Disk];
            Dirty.Clear();
            IsSuspect = false;
        }

        private static Span<byte> Of(byte[] file, int sector) =>
            sector * SectorBytes >= file.Length ? [] : file.AsSpan(sector * SectorBytes, Math.Min(SectorBytes, file.Length - sector * SectorBytes));
    }
}
