using Quota.TestKit;
using Spectre.Console;

namespace Quota.Local.Demo;

/// <summary>
/// One demo: read the state, send the trace, wait for the core, end the month, compare. The clock only moves forward, so each run
/// fills and closes the month that the core is in; all sums are differences to the state before.
/// </summary>
internal static class DemoRun
{
    public static async Task<int> RunAsync(DemoOptions options, CancellationToken stopping)
    {
        using var data = new DataFolder(options.Data);
        var running = data.RequireRunning();
        var ports = new Ports(options.PortBase ?? running.PortBase);
        var secrets = Secrets.LoadOrMake(data.SecretsFile);
        if (secrets.Keys.Count == 0)
            throw new LocalError("deploy/local/up is still starting: wait for \"ready\".");

        using var core = new CoreClient(Ports.Url(ports.Core), secrets.AdminKey);
        using var outside = new HttpClient();
        using var sender = new ChatSender(new Uri(Ports.Url(ports.Gateway)));
        try
        {
            var replay = new Replay(sender, secrets.Keys, options.Concurrency);
            var evidence = await CollectAsync(options, new Books(core, outside, ports), replay, stopping);
            DemoReport.Print(evidence);
            return evidence.Differences().Count == 0 ? 0 : 1;
        }
        catch (HttpRequestException error)
        {
            throw new LocalError($"The running product does not answer: {error.Message} See its logs in {data.Logs}.");
        }
    }

    private static async Task<Evidence> CollectAsync(DemoOptions options, Books books, Replay replay, CancellationToken stopping)
    {
        var rows = Trace.Read(options.Requests);
        var (providerBefore, usageBefore) = (await books.ProviderAsync(), await books.UsageAsync());
        var (invoicesBefore, capturesBefore) = (await books.InvoiceIdsAsync(), await books.CapturesAsync());

        var result = await replay.RunAsync(rows, stopping);
        var provider = await books.ProviderAsync() - providerBefore;
        AnsiConsole.MarkupLine("waiting until the core has every event");
        var usage = await books.UsageOfAsync(usageBefore + result.Sent);
        var now = await books.EndMonthAsync();
        AnsiConsole.MarkupLine($"the core's clock now says {now:yyyy-MM-dd HH:mm} UTC; waiting for the invoice and its payment");
        var invoice = await books.NewInvoiceAsync(invoicesBefore);
        var captures = await books.CapturesAsync();
        return new Evidence(
            result, provider, usageBefore, usage, invoice,
            captures.Count - capturesBefore.Count, captures.Amount - capturesBefore.Amount, await books.LedgerSumsAsync());
    }
}
