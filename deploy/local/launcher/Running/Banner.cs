using Spectre.Console;

namespace Quota.Local.Running;

/// <summary>What a user needs to call the product, ending with the word "ready" on a line of its own.</summary>
internal static class Banner
{
    public static void Print(Ports ports, Secrets secrets, DataFolder data)
    {
        var key = secrets.Keys["ada"].Secret;
        var table = new Table { Border = TableBorder.None, ShowHeaders = false };
        table.AddColumns("", "");
        table.AddRow("gateway", Ports.Url(ports.Gateway));
        table.AddRow("gateway admin", Ports.Url(ports.Admin) + "/metrics");
        table.AddRow("billing core", Ports.Url(ports.Core));
        table.AddRow("model provider", Ports.Url(ports.Provider) + "/_log/totals");
        table.AddRow("logs", Markup.Escape(data.Logs));
        table.AddRow("admin key", "in " + Markup.Escape(data.SecretsFile));
        table.AddRow("key of ada", key);
        AnsiConsole.WriteLine();
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine();

        // Straight to the console: a line that is to be copied must not be wrapped.
        Console.WriteLine(Curl(ports, key, stream: false));
        Console.WriteLine();
        Console.WriteLine(Curl(ports, key, stream: true));
        Console.WriteLine();
        Console.WriteLine("ready");
    }

    private static string Curl(Ports ports, string key, bool stream)
    {
        var body = stream
            ? """{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hello, streamed. reply:20"}]}"""
            : """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello. reply:20"}]}""";
        return $"curl -s{(stream ? "N" : "")} {Ports.Url(ports.Gateway)}/v1/chat/completions "
            + $"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'";
    }
}
