using System.Globalization;
using Quota.Benchmarks;
using Quota.TestKit;

// Without a role: the table. The roles are the children it starts.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["provider", var port]:
        await using (await FakeProvider.StartAsync(Number(port)))
            await Task.Delay(Timeout.Infinite);
        return 0;
    case ["forwarder", var port, var upstream]:
        await Proxies.ForwarderAsync(Number(port), upstream);
        return 0;
    case ["routes", var port, var upstream]:
        await Proxies.RoutesAsync(Number(port), upstream);
        return 0;
    case ["answers", var port, var name]:
        await StreamProvider.RunAsync(Number(port), name);
        return 0;
    case ["reading", var port, var upstream, var hides]:
        await Proxies.ReadingAsync(Number(port), upstream, hides == "hides");
        return 0;
    case ["hop", var port, var upstream, var redis]:
        await Proxies.HopAsync(Number(port), upstream, redis);
        return 0;
}

if (args is ["streams"])
    return Environment.GetEnvironmentVariable(ProxyBenchmark.SpinVariable) is null ? await AgainWithoutSpinningAsync(args) : await StreamBenchmark.RunAsync();
if (args is ["reader"])
{
    await ReaderBenchmark.RunAsync();
    return 0;
}
if (args is ["ingest", .. var words])
{
    var how = words.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
    return await Quota.Benchmarks.Ingest.IngestBenchmark.RunAsync(
        how.GetValueOrDefault("--route", "usage") == "usage", [.. how.GetValueOrDefault("--rows", "1,10,20").Split(',').Select(Number)], Number(how.GetValueOrDefault("--in-flight", "4")));
}
var options = args.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
if (args.Length % 2 != 0 || options.Keys.Except(["--seconds", "--connections", "--only"]).Any())
{
    Console.Error.WriteLine("""
        usage: dotnet run -c Release --project tests/Quota.Benchmarks [-- --seconds 5 --connections 1,64 --only gateway]
               dotnet run -c Release --project tests/Quota.Benchmarks -- streams
               dotnet run -c Release --project tests/Quota.Benchmarks -- reader
               dotnet run -c Release --project tests/Quota.Benchmarks -- ingest [--route usage|events] [--rows 1,10,20] [--in-flight 4]

        Prints what the gateway costs over bare YARP, all measured in this one run. --only: what has this in its name, beside bare YARP.
        streams: what reading a stream costs, the first token, and 512 streams at once.
        reader: what of that is reading alone, without sockets.
        ingest: how fast events get into the ledger, and usage out of it, when it holds so many millions. Needs PostgreSQL and 20 GB of disk in /var/tmp.
        Needs redis-server, and nginx where it is to be compared. Build with -c Release first: the gateway is started from artifacts/bin.
        """);
    return 2;
}
if (Environment.GetEnvironmentVariable(ProxyBenchmark.SpinVariable) is null)
    return await AgainWithoutSpinningAsync(args);
await ProxyBenchmark.RunAsync(
    TimeSpan.FromSeconds(Number(options.GetValueOrDefault("--seconds", "5"))),
    [.. options.GetValueOrDefault("--connections", "1,64").Split(',').Select(Number)],
    options.GetValueOrDefault("--only", ""));
return 0;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

// The load generator and the provider share the cores with what is measured. Their thread pools' idle spinning would be charged to it,
// so they run without; the proxies under test run as they are.
static async Task<int> AgainWithoutSpinningAsync(string[] args)
{
    var start = new System.Diagnostics.ProcessStartInfo(Environment.ProcessPath!, args);
    start.Environment[ProxyBenchmark.SpinVariable] = "0";
    using var again = System.Diagnostics.Process.Start(start)!;
    await again.WaitForExitAsync();
    return again.ExitCode;
}
