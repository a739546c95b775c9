using System.CommandLine;

namespace Quota.Local.Running;

/// <summary><c>up</c>: reads the options, then <see cref="Product"/> does the work.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var redis = new Option<string?>("--redis")
        {
            Description = "A Redis to use instead of the store inside the launcher.",
            HelpName = "HOST:PORT",
        };
        var data = CommonOptions.Data();
        var portBase = CommonOptions.PortBase();
        var command = new Command("up",
            """
            Starts the store, PostgreSQL, a model provider and a Stripe stand-in, the billing core and the gateway; seeds a demo org;
            prints how to call it and the word "ready"; runs until Ctrl-C and leaves nothing running.

            Examples:
              deploy/local/up
              deploy/local/up --redis 127.0.0.1:6379
              deploy/local/up --data /tmp/second --port-base 9080
            """)
        {
            redis, data, portBase,
        };
        command.SetAction((parsed, stopping) => Product.RunAsync(
            new UpOptions(parsed.GetValue(redis), parsed.GetValue(data)!, new Ports(parsed.GetValue(portBase) ?? Ports.DefaultBase)), stopping));
        return command;
    }
}

/// <summary>What <c>up</c> was asked for.</summary>
internal sealed record UpOptions(string? Redis, string Data, Ports Ports);
