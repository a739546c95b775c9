using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>
/// The witness, the ledger, the counters and the clients, side by side when everything is over. The provider's log is the only account that
/// the product has no hand in; the gateway sends an event's id with its call, so both are joined one to one.
/// </summary>
internal sealed class Books
{
    private readonly List<string> _findings = [];
    private readonly List<(string Name, string Value)> _rows = [];
    private readonly List<string> _traces = [];

    private Books()
    {
    }

    public IReadOnlyList<string> Findings => _findings;

    /// <summary>How long it took until everything was settled and shipped.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>When that was.</summary>
    public long ClosedAt { get; private set; }

    /// <summary>The limits as they stood then.</summary>
    public IReadOnlyList<Standing> Limits { get; private set; } = [];

    /// <summary>Adds a row to the table.</summary>
    public void Note(string name, FormattableString value) => _rows.Add((name, value.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Waits, within the bound, until nothing runs, is held or is on its way; stops the gateways; and compares.</summary>
    public static async Task<Books> CloseAsync(WiredProduct product, IReadOnlyCollection<ClientCall> clients, TimeSpan bound)
    {
        var (books, started, standing) = (new Books(), Stopwatch.GetTimestamp(), "");
        try
        {
            await Eventually.TrueAsync("everything is settled and shipped", async () => (standing = await OpenAsync(product)).Length == 0, bound);
        }
        catch (TimeoutException)
        {
            books._findings.Add($"not settled within {bound.TotalSeconds:0} s: {standing}");
            books._traces.AddRange(product.Gateways.SelectMany(gateway => TraceOf(gateway)));
            books._traces.AddRange(Said("core", product.Core.Process));
        }
        books.ClosedAt = Stopwatch.GetTimestamp();
        books.Took = Stopwatch.GetElapsedTime(started, books.ClosedAt);
        books.Limits = await product.Gateways[0].LimitsAsync();
        await Task.WhenAll(product.Gateways.Select(gateway => gateway.Process.Process.StopAsync()));
        await books.CompareAsync(product, clients);
        return books;
    }

    public void ShouldBalance() => Findings.ShouldBeEmpty(ToString());

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, value) in _rows)
            text.Append("  ").Append(name.PadRight(38)).AppendLine(value);
        foreach (var finding in Findings.Take(30))
            text.Append("  ! ").AppendLine(finding);
        foreach (var trace in _traces)
            text.Append("  > ").AppendLine(trace);
        return text.ToString();
    }

    /// <summary>What tells an event that is stuck from one that is lost: how far the gateway has shipped, and what it complains of.</summary>
    private static IEnumerable<string> TraceOf(WiredGateway gateway)
    {
        var (name, spool) = ($"gateway {gateway.Number}", gateway.Process.SpoolFolder);
        foreach (var file in Directory.EnumerateFiles(spool).Order(StringComparer.Ordinal))
            yield return $"{name} has {Path.GetFileName(file)}, {new FileInfo(file).Length} bytes{(Path.GetFileName(file) == "cursor" ? ": " + File.ReadAllText(file) : "")}";
        foreach (var line in Said(name, gateway.Process.Process))
            yield return line;
    }

    private static IEnumerable<string> Said(string name, CaptiveProcess process) =>
        process.Output.Split('\n').TakeLast(12).Select(line => $"{name} says {line.Trim()[..Math.Min(300, line.Trim().Length)]}");

    /// <summary>What is still open, or "".</summary>
    private static async Task<string> OpenAsync(WiredProduct product)
    {
        if (product.Provider.Served.Running is var running and > 0)
            return $"{running} calls run";
        foreach (var gateway in product.Gateways)
        {
            if (await gateway.OpenCallsAsync() is not 0 and var open)
                return $"{open} calls of gateway {gateway.Number} are not settled";
        }
        try
        {
            var ledger = await LedgerEvent.ReadAllAsync(product.Core.Database);
            var ids = ledger.Select(it => it.Id).ToHashSet();
            if (product.Provider.Served.Entries().Count(entry => !ids.Contains(entry.RequestId)) is var missing and > 0)
                return $"{missing} calls of the witness are not in the ledger";
            return string.Join("; ", (await product.Gateways[0].LimitsAsync()).Select(limit => Wrong(limit, ledger)).OfType<string>());
        }
        catch (NpgsqlException problem)
        {
            return problem.Message;
        }
    }

    /// <summary>What a limit and its events differ in; null when in nothing.</summary>
    public static string? Wrong(Standing limit, IReadOnlyList<LedgerEvent> ledger)
    {
        var sum = decimal.Floor(ledger.Where(it => it.Scope == limit.Scope || it.Scope.StartsWith(limit.Scope + "/", StringComparison.Ordinal)).Sum(it => it.Units(limit.Meter)));
        return limit.Held != 0 ? $"{limit.Code}: {limit.Held} held" : limit.Used != sum ? $"{limit.Code}: used {limit.Used}, its events make {sum}" : null;
    }

    private async Task CompareAsync(WiredProduct product, IReadOnlyCollection<ClientCall> clients)
    {
        var witness = product.Provider.Served.Entries();
        var ledger = await LedgerEvent.ReadAllAsync(product.Core.Database);
        var events = ledger.Where(it => it.Corrects is null).ToDictionary(it => it.Id);
        var corrections = ledger.Where(it => it.Corrects is not null).ToLookup(it => it.Corrects!);

        var lost = witness.Where(entry => !events.ContainsKey(entry.RequestId)).ToArray();
        var twice = witness.GroupBy(entry => entry.RequestId).Where(group => group.Count() > 1).ToArray();
        var known = witness.Select(entry => entry.RequestId).ToHashSet();
        var invented = events.Values.Where(it => !known.Contains(it.Id) && !it.IsFlagged).ToArray();
        var conflicts = await LedgerEvent.AskAsync<long>(product.Core.Database, "select count(*) from event_conflicts");
        _findings.AddRange(lost.Select(entry => $"lost: the provider served {entry.RequestId} ({entry.Ending}), and no event says so"));
        _findings.AddRange(twice.Select(group => $"doubled: {group.Key} reached the provider {group.Count()} times"));
        _findings.AddRange(invented.Select(it => $"doubled: event {it.Id} is {it.Status}, and the provider knows nothing of it"));
        if (conflicts > 0)
            _findings.Add($"doubled: {conflicts} events came with other bytes than before");

        var pairs = witness.Where(entry => events.ContainsKey(entry.RequestId)).Select(entry => (Entry: entry, Event: events[entry.RequestId])).ToArray();
        var exact = pairs.Where(pair => !pair.Event.IsFlagged).ToArray();
        var drift = exact.Sum(pair => Math.Abs(pair.Entry.InputTokens - pair.Event.Input) + Math.Abs(pair.Entry.OutputTokens - pair.Event.Output));
        _findings.AddRange(exact.Where(pair => pair.Entry.Ending != ProviderEnding.Completed || (pair.Entry.InputTokens, pair.Entry.OutputTokens) != (pair.Event.Input, pair.Event.Output))
            .Select(pair => $"drift: {pair.Event.Id} says {pair.Event.Input} + {pair.Event.Output} tokens, the provider {pair.Entry.InputTokens} + {pair.Entry.OutputTokens} ({pair.Entry.Ending})"));
        // An estimate that was corrected tells, with its correction, what the provider served.
        _findings.AddRange(pairs.Where(pair => pair.Entry.Ending == ProviderEnding.Completed && corrections[pair.Event.Id].Any()
                && (pair.Entry.InputTokens, pair.Entry.OutputTokens) != (pair.Event.Input + corrections[pair.Event.Id].Sum(it => it.Input), pair.Event.Output + corrections[pair.Event.Id].Sum(it => it.Output)))
            .Select(pair => $"drift: {pair.Event.Id} is corrected, and does not say what the provider served"));
        CheckClients(clients, events);
        _findings.AddRange(Limits.Select(limit => Wrong(limit, ledger)).OfType<string>());
        if (Limits.Count == 0)
            _findings.Add("the gateway tells no limits");
        foreach (var instance in ledger.GroupBy(it => it.Instance).Where(it => !it.Select(one => one.Seq).Order().SequenceEqual(Enumerable.Range(1, it.Count()).Select(seq => (long)seq))))
            _findings.Add($"the events of {instance.Key} are not numbered 1 to {instance.Count()}");
        var usage = await product.Org.UsageAsync();
        if (usage["requests"] != ledger.Sum(it => it.Requests) || usage["output_tokens"] != ledger.Sum(it => it.Output))
            _findings.Add($"metered {usage["requests"]} requests and {usage["output_tokens"]} tokens, the events make {ledger.Sum(it => it.Requests)} and {ledger.Sum(it => it.Output)}");

        Note("calls of clients", $"{clients.Count}; {clients.Count(call => call.IsWhole)} read to their end");
        Note("witnessed by the provider", $"{witness.Count}");
        Note("ledgered", $"{events.Count}, {events.Count - known.Count(events.ContainsKey)} of them never reached the provider; {ledger.Count - events.Count} corrections");
        Note("lost / doubled", $"{lost.Length} / {twice.Length + invented.Length + conflicts}");
        Note("exact, drift in tokens", $"{exact.Length}, {drift}");
        Note("flagged (provider → event)", $"{string.Join(", ", pairs.Where(pair => pair.Event.IsFlagged).CountBy(pair => $"{pair.Entry.Ending} → {pair.Event.Status}{(pair.Event.IsEstimated ? " estimated" : "")}").OrderByDescending(it => it.Value).Select(it => $"{it.Key} {it.Value}"))}");
        Note("held / over at the end", $"{Limits.Sum(limit => limit.Held):0} / {Limits.Sum(limit => limit.Over):0}");
        Note("settled and shipped after", $"{Took.TotalSeconds:0.0} s");
    }

    /// <summary>The end is written down before the last byte leaves: what a client has read whole is an exact event, if the provider told the numbers.</summary>
    private void CheckClients(IReadOnlyCollection<ClientCall> clients, Dictionary<string, LedgerEvent> events)
    {
        foreach (var call in clients.Where(call => call.IsWhole))
        {
            if (call.Id is null || !events.TryGetValue(call.Id, out var it))
                _findings.Add($"lost: {call.Id} was read to its end, and no event says so");
            else if (it.Status != "completed" || it.IsEstimated == call.IsTold || (call.IsTold && it.Output != call.OutputTokens))
                _findings.Add($"{call.Id} was read to its end with {call.OutputTokens} tokens, its event says {it.Status}{(it.IsEstimated ? ", estimated" : "")}, {it.Output}");
        }
        foreach (var id in clients.Where(call => call.Id is not null && call.Status == 200).Select(call => call.Id!).Where(id => !events.ContainsKey(id)))
            _findings.Add($"lost: {id} was answered, and no event says so");
    }
}
