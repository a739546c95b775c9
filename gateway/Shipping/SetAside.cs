using System.Text;
using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>
/// The events that the sink will never store, with the reason, in <c>set-aside.jsonl</c> of the spool's folder. They are money, so nothing here
/// deletes them: whoever has put them right moves the file away. A crash before the cursor has passed an event may write its line twice.
/// </summary>
internal sealed class SetAside(SpoolOptions options) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly string _path = Path.Combine(options.Directory, "set-aside.jsonl");

    /// <summary>Fsynced when it returns: only then the cursor may pass the events.</summary>
    /// <exception cref="IOException">Not kept: try again.</exception>
    public async Task AddAsync(IReadOnlyList<(ShipResult Result, byte[] Event)> events, CancellationToken cancellation)
    {
        var lines = new MemoryStream();
        foreach (var (result, json) in events)
        {
            lines.Write(Encoding.UTF8.GetBytes($"{{\"status\":\"{result.Status}\",\"reason\":{JsonSerializer.Serialize(result.Reason)},\"event\":"));
            lines.Write(json);
            lines.Write("}\n"u8);
        }
        await _turn.WaitAsync(cancellation);
        try
        {
            await LineFile.AppendAsync(_path, lines.GetBuffer().AsMemory(0, (int)lines.Length), ownerOnly: true, cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>How many there are of each status, each event counted once, and the latest lines, oldest first.</summary>
    public (IReadOnlyDictionary<string, int> Counts, IReadOnlyList<JsonElement> Latest) Read(int most)
    {
        var (seen, counts, latest) = (new HashSet<(Guid, string)>(), new SortedDictionary<string, int>(), new Queue<JsonElement>());
        foreach (var line in File.Exists(_path) ? LinesOf(_path) : [])
        {
            if (Parse(line) is not { } it || !it.TryGetProperty("status", out var status) || !it.TryGetProperty("event", out var json)
                || !json.TryGetProperty("id", out var id) || !seen.Add((id.GetGuid(), status.GetString()!)))
                continue;
            counts[status.GetString()!] = counts.GetValueOrDefault(status.GetString()!) + 1;
            latest.Enqueue(it);
            if (latest.Count > most)
                latest.Dequeue();
        }
        return (counts, [.. latest]);
    }

    public void Dispose() => _turn.Dispose();

    /// <summary>While it is written, too.</summary>
    private static IEnumerable<string> LinesOf(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        while (reader.ReadLine() is { } line)
            yield return line;
    }

    private static JsonElement? Parse(string line)
    {
        try
        {
            return JsonElement.Parse(line);
        }
        catch (JsonException)
        {
            return null;   // half a line that a crash left; its event was written again
        }
    }
}
