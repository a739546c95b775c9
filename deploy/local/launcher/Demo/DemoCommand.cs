using System.CommandLine;

namespace Quota.Local.Demo;

/// <summary><c>demo</c>: reads the options, then <see cref="DemoRun"/> does the work.</summary>
internal static class DemoCommand
{
    private const int DefaultRequests = 500;

    public static Command Create()
    {
        var all = new Option<bool>("--all") { Description = "Send the whole trace, 19,366 requests." };
        var requests = new Option<int>("--requests")
        {
            Description = "How many requests of the trace to send.",
            HelpName = "N",
            DefaultValueFactory = _ => DefaultRequests,
        };
        var concurrency = new Option<int>("--concurrency")
        {
            Description = "Requests in flight at once.",
            HelpName = "N",
            DefaultValueFactory = _ => 32,
        };
        requests.Validators.Add(result => Check(result, "--requests", 19_366));
        concurrency.Validators.Add(result => Check(result, "--concurrency", 1_024));
        var data = CommonOptions.Data();
        var portBase = CommonOptions.PortBase();
        var command = new Command("demo",
            """
            Against a running deploy/local/up: replays a real trace of chat requests through the gateway, half of them streamed, moves the
            core's clock past the end of the month, and checks that the trace, the provider's own log, the invoice, the payment and the
            ledger agree to the last unit. Exit code 1 when they do not.

            Examples:
              deploy/local/demo
              deploy/local/demo --all
              deploy/local/demo --requests 2000 --concurrency 64
            """)
        {
            all, requests, concurrency, data, portBase,
        };
        command.SetAction((parsed, stopping) => DemoRun.RunAsync(
            new DemoOptions(
                parsed.GetValue(all) ? int.MaxValue : parsed.GetValue(requests),
                parsed.GetValue(concurrency),
                parsed.GetValue(data)!,
                parsed.GetValue(portBase)),
            stopping));
        return command;
    }

    private static void Check(System.CommandLine.Parsing.OptionResult result, string name, int most)
    {
        if (result.GetValueOrDefault<int>() is var value && (value < 1 || value > most))
            result.AddError($"{name} must be between 1 and {most}, not {value}.");
    }
}

/// <summary>What <c>demo</c> was asked for. Without a port base it is read from the data folder.</summary>
internal sealed record DemoOptions(int Requests, int Concurrency, string Data, int? PortBase);
