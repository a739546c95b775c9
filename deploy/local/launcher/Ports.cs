using Quota.TestKit;

namespace Quota.Local;

/// <summary>The ports of one running product, all on 127.0.0.1.</summary>
internal sealed record Ports(int Base)
{
    public const int DefaultBase = 8080;

    public int Gateway => Base;

    public int Admin => Base + 1;

    public int Core => Base + 10;

    public int Provider => Base + 15;

    public int Stripe => Base + 16;

    public int Redis => Base + 17;

    public int Postgres => Base + 18;

    public static string Url(int port) => $"http://127.0.0.1:{port}";

    /// <summary>Throws when one is taken, naming it and the way out.</summary>
    public void Check(bool ownStore)
    {
        (int Port, string Owner)[] wanted =
        [
            (Gateway, "the gateway"), (Admin, "the gateway's admin port"), (Core, "the billing core"),
            (Provider, "the model provider"), (Stripe, "the Stripe stand-in"), (Postgres, "PostgreSQL"),
            .. ownStore ? [(Redis, "the store")] : Array.Empty<(int, string)>(),
        ];
        var taken = wanted.Where(w => FreePort.IsTaken(w.Port)).ToList();
        if (taken.Count > 0)
        {
            throw new LocalError(
                $"Taken: {string.Join(", ", taken.Select(t => $"port {t.Port} (for {t.Owner})"))}. "
                + $"Stop what listens there, or move all ports: deploy/local/up --port-base {Base + 1000}");
        }
    }
}
