using System.Globalization;
using Spectre.Console;

namespace Quota.Local.Demo;

/// <summary>Prints what was served, metered, invoiced and paid, and whether it agrees.</summary>
internal static class DemoReport
{
    public static void Print(Evidence evidence)
    {
        var replay = evidence.Replay;
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("");
        foreach (var column in new[] { "requests", "input tokens", "output tokens" })
            table.AddColumn(new TableColumn(column).RightAligned());
        Row(table, "the trace", replay.Sent);
        Row(table, "the provider's own log", evidence.Provider);
        Row(table, "metered by the core", evidence.Metered);
        if (evidence.Invoice is { } invoice)
        {
            var before = evidence.UsageBefore == default ? "" : $" (of these, before: {evidence.UsageBefore})";
            Row(table, "on the invoice" + before, Units.FromInvoice(invoice));
        }

        AnsiConsole.WriteLine();
        AnsiConsole.Write(table);
        var rate = replay.Served / replay.Took.TotalSeconds;
        AnsiConsole.MarkupLine(string.Create(CultureInfo.InvariantCulture,
            $"served {replay.Served:N0} ({replay.Streamed:N0} streamed), refused {replay.Refused:N0} (eve, five a minute), ")
            + string.Create(CultureInfo.InvariantCulture,
                $"failed {replay.Failed:N0}, in {replay.Took.TotalSeconds:0.0} s ({rate:N0} a second)"));
        PrintInvoice(evidence);
        PrintVerdict(evidence.Differences());
    }

    private static void PrintInvoice(Evidence evidence)
    {
        if (evidence.Invoice is not { } invoice)
            return;
        var table = new Table { Border = TableBorder.Rounded, Title = new TableTitle($"invoice {Markup.Escape(invoice["number"]!.ToString())}") };
        table.AddColumns(new TableColumn("line"), new TableColumn("units").RightAligned(), new TableColumn("amount").RightAligned());
        foreach (var fee in invoice["fees"]!.AsArray())
        {
            table.AddRow(
                Markup.Escape(fee!["item"]!["name"]!.ToString()), Decimal(fee["units"]!.ToString()), Amount(fee["amount_cents"]!.GetValue<long>()));
        }

        table.AddRow("[bold]total[/]", "", $"[bold]{Amount(invoice["total_amount_cents"]!.GetValue<long>())}[/]");
        AnsiConsole.Write(table);
        AnsiConsole.MarkupLine(
            $"{invoice["status"]}, payment {invoice["payment_status"]}; "
            + $"captured by Stripe's stand-in: {Amount(evidence.CapturedCents)} in {evidence.Captures}; "
            + $"ledger sums to {string.Join(", ", evidence.LedgerSums.Select(s => $"{s.Value} {s.Key}"))}");
    }

    private static void PrintVerdict(IReadOnlyList<string> differences)
    {
        foreach (var difference in differences)
            AnsiConsole.MarkupLine($"[red]✗[/] {Markup.Escape(difference)}");
        if (differences.Count == 0)
            AnsiConsole.MarkupLine("[green]✓[/] trace, provider's log, invoice, payment and ledger agree to the last unit");
    }

    private static void Row(Table table, string name, Units units) =>
        table.AddRow(Markup.Escape(name), Number(units.Requests), Number(units.Input), Number(units.Output));

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Decimal(string text) =>
        decimal.Parse(text, CultureInfo.InvariantCulture).ToString("#,0.######", CultureInfo.InvariantCulture);

    private static string Amount(long cents) => (cents / 100m).ToString("N2", CultureInfo.InvariantCulture) + " USD";
}
