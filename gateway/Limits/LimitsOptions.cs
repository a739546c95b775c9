using Quota.Shared.Hosting;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>Settings of the limiter.</summary>
internal sealed record LimitsOptions
{
    /// <summary><c>ConnectionStrings__Redis</c>, default 127.0.0.1:6379.</summary>
    public required ConfigurationOptions Redis { get; init; }

    /// <summary><c>Limits__HoldDeadline</c>, 1 s to 1 h, default 60 s: how long a hold lives unless renewed (every third of it).</summary>
    public required TimeSpan HoldDeadline { get; init; }

    /// <summary><c>Limits__MaxBodyBytes</c>, 1 KiB to 256 MiB, default 10 MiB: the largest request body.</summary>
    public required long MaxBodyBytes { get; init; }

    /// <summary><c>Limits__ReceiptTtl</c>, 1 min to 7 days, default 1 h: how long settled and released holds can still be asked for.</summary>
    public required TimeSpan ReceiptTtl { get; init; }

    /// <summary><c>Limits__RedisTimeout</c>, 50 ms to 10 s, default 500 ms: an unanswered reserve is answered by <see cref="OnRedisDown"/> after this.</summary>
    public required TimeSpan RedisTimeout { get; init; }

    /// <summary><c>Limits__MaxOutputTokens</c>, default 128,000: the output bound of a model whose price names none.</summary>
    public required long MaxOutputTokens { get; init; }

    /// <summary><c>Limits__MaxInputTokens</c>, default 1,000,000: the input bound of images and audio for a model whose price names none.</summary>
    public required long MaxInputTokens { get; init; }

    /// <summary><c>Limits__OnRedisDown</c>: <c>closed</c> (default) refuses, <c>grace</c> admits what its bound allows, <c>open</c> admits.</summary>
    public required StoreDownPolicy OnRedisDown { get; init; }

    /// <summary><c>Limits__Grace</c>, 0 to 1, default 0.01: the share of each hard limit that grace may admit in a window, over all gateways.</summary>
    public required decimal Grace { get; init; }

    /// <summary><c>Limits__GraceGateways</c>, 1 to 10,000, default 1: how many gateways share the grace.</summary>
    public required long GraceGateways { get; init; }

    /// <summary><c>Limits__StepTokens</c>, 16 to 100,000, default 512: output tokens that a stepwise hold begins and grows with.</summary>
    public required long StepTokens { get; init; }

    /// <summary><c>Limits__ClampFloor</c>, 1 to 100,000, default 16: a call without a bound is refused when not even so many output tokens fit.</summary>
    public required long ClampFloor { get; init; }

    /// <summary>
    /// How long a gateway that joins others waits before it counts: longer than the probe takes to tell them (each second). A gateway that
    /// still took itself for alone would rebuild lost counters without this one's calls.
    /// </summary>
    public TimeSpan JoinWait { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>How long a counter outlives its window, so that a late settle still finds it.</summary>
    public TimeSpan CounterGrace { get; init; } = TimeSpan.FromDays(3);

    public static LimitsOptions Read(Settings settings)
    {
        var timeout = settings.Duration("Limits__RedisTimeout", TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10));
        return new LimitsOptions
        {
            Redis = ReadRedis(settings, timeout),
            HoldDeadline = settings.Duration("Limits__HoldDeadline", TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            MaxBodyBytes = settings.Number("Limits__MaxBodyBytes", 10 << 20, 1 << 10, 256 << 20),
            ReceiptTtl = settings.Duration("Limits__ReceiptTtl", TimeSpan.FromHours(1), TimeSpan.FromMinutes(1), TimeSpan.FromDays(7)),
            RedisTimeout = timeout,
            MaxOutputTokens = settings.Number("Limits__MaxOutputTokens", 128_000, 1, 100_000_000),
            OnRedisDown = settings.Choice("Limits__OnRedisDown", "closed", "grace", "open") switch
            {
                "grace" => StoreDownPolicy.Grace,
                "open" => StoreDownPolicy.Open,
                _ => StoreDownPolicy.Closed,
            },
            Grace = settings.Share("Limits__Grace", 0.01m, 0, 1),
            GraceGateways = settings.Number("Limits__GraceGateways", 1, 1, 10_000),
            StepTokens = settings.Number("Limits__StepTokens", 512, 16, 100_000),
            ClampFloor = settings.Number("Limits__ClampFloor", 16, 1, 100_000),
            MaxInputTokens = settings.Number("Limits__MaxInputTokens", 1_000_000, 1, 100_000_000),
        };
    }

    private static ConfigurationOptions ReadRedis(Settings settings, TimeSpan timeout)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(settings.Text("ConnectionStrings__Redis") ?? "127.0.0.1:6379");
        }
        catch (ArgumentException problem)
        {
            settings.Report.Add("ConnectionStrings__Redis", $"is not a StackExchange.Redis string: {problem.Message}");
            options = new ConfigurationOptions();
        }
        options.AbortOnConnectFail = false;
        options.AsyncTimeout = options.SyncTimeout = (int)timeout.TotalMilliseconds;
        options.AllowAdmin = true;   // StackExchange.Redis counts INFO, which the probe asks, among the admin commands
        options.ConnectTimeout = 2_000;
        // A store that is gone is answered at once, not after a queue's time-out.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        return options;
    }
}

/// <summary>What hard limits do while the counters cannot be asked, or not be believed.</summary>
internal enum StoreDownPolicy
{
    Closed,
    Grace,
    Open,
}
