using System.Globalization;
using Quota.Benchmarks;
using Quota.TestKit;

// Without arguments: the table. `provider` and `yarp` are the children it starts.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["provider", var port]:
        await using (await FakeProvider.StartAsync(int.Parse(port, CultureInfo.InvariantCulture)))
            await Task.Delay(Timeout.Infinite);
        return 0;
    case ["yarp", var port, var upstream]:
        await BareYarp.RunAsync(int.Parse(port, CultureInfo.InvariantCulture), upstream);
        return 0;
    case [] or ["--seconds", _] or ["--seconds", _, "--connections", _]:
        if (Environment.GetEnvironmentVariable(ProxyBenchmark.SpinVariable) is null)
            return await AgainWithoutSpinningAsync(args);
        await ProxyBenchmark.RunAsync(
            TimeSpan.FromSeconds(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 5),
            args.Length > 3 ? [int.Parse(args[3], CultureInfo.InvariantCulture)] : [1, 64]);
        return 0;
    default:
        Console.Error.WriteLine("""
            usage: dotnet run -c Release --project tests/Quota.Benchmarks [-- --seconds 5 [--connections 64]]

            Prints what the gateway costs over bare YARP, both measured in this one run.
            Needs redis-server. Build with -c Release first: the gateway is started from artifacts/bin.
            """);
        return 2;
}

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
