using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Metadata;
using Quota.Billing.Clock;
using Quota.Billing.Http;
using Quota.Shared.Hosting;

namespace Quota.Billing.Ingest;

/// <summary>
/// The door of this room: events in, each once. Batches beyond what is stored and queued at once are refused before their body is
/// read, so that memory stays bounded.
/// </summary>
internal static class IngestRegistration
{
    private const string Policy = "ingest";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public static void AddIngest(this IServiceCollection services, IConfiguration settings, SettingsReport report)
    {
        var options = IngestOptions.Read(settings, report);
        services.AddSingleton(options);
        services.AddSingleton<EventPartitions>();
        services.AddSingleton<EventStreams>();
        services.AddSingleton<WriterSlots>();
        services.AddSingleton<GatewayInstances>();
        services.AddSingleton<GatewayEventStore>();
        services.AddSingleton<ApiEventStore>();
        services.AddSingleton<EventReader>();
        services.AddSingleton<EventList>();
        services.AddSingleton<UnknownEvents>();
        services.AddSingleton<EventRetention>();
        services.AddSingleton<IDueWork>(provider => provider.GetRequiredService<EventRetention>());
        services.AddHostedService<RetentionJob>();
        services.AddRateLimiter(limiter =>
        {
            limiter.AddPolicy(Policy, _ => RateLimitPartition.GetConcurrencyLimiter(Policy, _ => new ConcurrencyLimiterOptions
            {
                PermitLimit = options.MaxConcurrent,
                QueueLimit = options.MaxQueued,
            }));
            limiter.OnRejected = (rejected, _) => new ValueTask(
                ApiErrors.Busy(StatusCodes.Status429TooManyRequests, RetryAfter, "too_many_batches").ExecuteAsync(rejected.HttpContext));
        });
    }

    public static void UseIngest(this WebApplication app) => app.UseRateLimiter();

    public static void MapIngest(this WebApplication app)
    {
        var size = new BodyLimit(app.Services.GetRequiredService<IngestOptions>().MaxBodyBytes);
        app.MapUsage().RequireRateLimiting(Policy).WithMetadata(size);
        app.MapEvents().RequireRateLimiting(Policy).WithMetadata(size);
    }

    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
