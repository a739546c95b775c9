using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>What a product of these proofs is made of.</summary>
internal sealed record WiredPlan(int Seed)
{
    public int Gateways { get; init; } = 1;

    /// <summary>Whether a wire is between every two parts; else they talk directly.</summary>
    public bool IsWired { get; init; }

    /// <summary>Further settings of the core.</summary>
    public IReadOnlyDictionary<string, string?> CoreSettings { get; init; } = new Dictionary<string, string?>();

    /// <summary>Further settings of the gateways.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
}

/// <summary>Both processes on a Redis and a PostgreSQL that may be killed, in front of the provider, whose log is the witness.</summary>
internal sealed class WiredProduct : IAsyncDisposable
{
    public static readonly TimeSpan HoldDeadline = TimeSpan.FromSeconds(2);

    private readonly FakeStripeOptions _stripeOptions = new();
    private readonly WiredPlan _plan;
    private FakeStripe? _stripe;
    private FaultyWire? _toDatabase;

    private WiredProduct(WiredPlan plan) => _plan = plan;

    public RedisServer Redis { get; private set; } = null!;

    public PostgresServer Postgres { get; private set; } = null!;

    public FakeProvider Provider { get; private set; } = null!;

    public CoreProcess Core { get; private set; } = null!;

    public WitnessOrg Org { get; private set; } = null!;

    public IReadOnlyList<WiredGateway> Gateways { get; private set; } = [];

    /// <summary>Every wire by the name of the two parts that it is between.</summary>
    public IEnumerable<(string Name, FaultyWire Wire)> Wires =>
        [.. Gateways.SelectMany(gateway => gateway.Wires), .. _toDatabase is { } wire ? [("core-database", wire)] : Array.Empty<(string, FaultyWire)>()];

    public static async Task<WiredProduct> StartAsync(WiredPlan plan)
    {
        var product = new WiredProduct(plan);
        try
        {
            await product.StartAsync();
            return product;
        }
        catch
        {
            await product.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on nothing befalls anybody.</summary>
    public void Calm()
    {
        foreach (var (_, wire) in Wires)
            wire.Calm();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in Gateways)
            await gateway.DisposeAsync();
        Org?.Dispose();
        foreach (var part in new IAsyncDisposable?[] { Core, _stripe, Provider, _toDatabase, Postgres, Redis })
        {
            if (part is not null)
                await part.DisposeAsync();
        }
    }

    private async Task StartAsync()
    {
        // What either store has acknowledged is on its disk: only then nothing may be lost whenever it is killed.
        (Redis, Postgres) = (await RedisServer.StartAsync(appendOnly: true, "--appendfsync", "always"), await PostgresServer.StartAsync(new PostgresOptions { Durable = true }));
        (Provider, _stripe) = (await FakeProvider.StartAsync(), await FakeStripe.StartAsync(_stripeOptions));
        _toDatabase = _plan.IsWired ? new FaultyWire(Postgres.Port, _plan.Seed) : null;
        Core = await CoreProcess.StartAsync(Postgres, _stripe, _stripeOptions, _toDatabase?.Port ?? 0, _plan.CoreSettings);
        Org = await WitnessOrg.MakeAsync(Core.Url);
        Gateways = await Task.WhenAll(Enumerable.Range(0, _plan.Gateways).Select(number => WiredGateway.StartAsync(number, _plan, this)));
        await Eventually.TrueAsync("calls are served", async () =>
        {
            using var load = new WitnessLoad(this, seed: 0);
            var calls = await Task.WhenAll(Gateways.SelectMany(gateway => WitnessOrg.Users.Select(user => load.CallAsync(gateway, user, "a word reply:1", isStream: false))));
            return calls.All(call => call.IsWhole);
        }, detail: () => Gateways[0].Process.Process.Output);
    }
}
