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

    /// <summary><c>Limits__RedisTimeout</c>, 50 ms to 10 s, default 1 s: an unanswered reserve is refused after this.</summary>
    public required TimeSpan RedisTimeout { get; init; }

    /// <summary><c>Limits__MaxOutputTokens</c>, default 128,000: the output bound of a model whose price names none.</summary>
    public required long MaxOutputTokens { get; init; }

    /// <summary><c>Limits__MaxInputTokens</c>, default 1,000,000: the input bound of images and audio for a model whose price names none.</summary>
    public required long MaxInputTokens { get; init; }

    /// <summary>How long a counter outlives its window, so that a late settle still finds it.</summary>
    public TimeSpan CounterGrace { get; init; } = TimeSpan.FromDays(3);

    public static LimitsOptions Read(Settings settings)
    {
        var timeout = settings.Duration("Limits__RedisTimeout", TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10));
        settings.Choice("Limits__OnRedisDown", "closed");
        return new LimitsOptions
        {
            Redis = ReadRedis(settings, timeout),
            HoldDeadline = settings.Duration("Limits__HoldDeadline", TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            MaxBodyBytes = settings.Number("Limits__MaxBodyBytes", 10 << 20, 1 << 10, 256 << 20),
            ReceiptTtl = settings.Duration("Limits__ReceiptTtl", TimeSpan.FromHours(1), TimeSpan.FromMinutes(1), TimeSpan.FromDays(7)),
            RedisTimeout = timeout,
            MaxOutputTokens = settings.Number("Limits__MaxOutputTokens", 128_000, 1, 100_000_000),
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
        options.ConnectTimeout = 2_000;
        // A store that is gone is answered at once, not after a queue's time-out.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        return options;
    }
}
