using System.CommandLine;
using Quota.TestKit;

namespace Quota.Local;

/// <summary>Options that both commands have.</summary>
internal static class CommonOptions
{
    public static Option<string> Data() => new("--data")
    {
        Description = "Folder for everything that is kept: secrets, database, spool, logs.",
        HelpName = "DIR",
        DefaultValueFactory = _ => Path.Combine(Repository.Root, "deploy", "local", ".data"),
    };

    public static Option<int?> PortBase()
    {
        var option = new Option<int?>("--port-base")
        {
            Description = $"First of the ports, default {Ports.DefaultBase}: gateway N, its admin port N+1, core N+10, "
                + "model provider N+15, Stripe N+16, store N+17, PostgreSQL N+18.",
            HelpName = "N",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is { } value and (< 1024 or > 65_000))
                result.AddError($"--port-base must be between 1024 and 65000, not {value}.");
        });
        return option;
    }
}
