using Npgsql;
using Quota.Shared.Hosting;

namespace Quota.Billing.Database;

/// <summary>The door of this room: the data source, the schema, and how Dapper reads times.</summary>
internal static class DatabaseRegistration
{
    private const string Setting = "ConnectionStrings__Postgres";

    /// <summary>Connections of one process when the connection string does not say.</summary>
    private const int DefaultMaxPool = 50;

    /// <summary>Statements that a connection keeps prepared when the connection string does not say: planning is most of a short question's time.</summary>
    private const int DefaultMaxPrepared = 64;

    public static void AddDatabase(this IServiceCollection services, IConfiguration settings, SettingsReport report)
    {
        DapperTypes.Register();
        var connectionString = Check(settings.GetConnectionString("Postgres"), report);
        services.AddSingleton(provider =>
        {
            var builder = new NpgsqlDataSourceBuilder(connectionString);
            builder.UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>());
            return builder.Build();
        });
        services.AddSingleton<Migrator>();
        services.AddSingleton<InstallationStore>();
        services.AddHostedService<MigrationAtStart>();
    }

    /// <summary>The connection string with our bounds, or an empty one after a mistake was noted (never the value: it holds a password).</summary>
    private static string Check(string? text, SettingsReport report)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            report.Add(Setting, "is not set; e.g. Host=127.0.0.1;Database=quota;Username=quota;Password=…");
            return "";
        }
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(text) { ApplicationName = "quota-billing" };
            if (string.IsNullOrEmpty(builder.Host) || string.IsNullOrEmpty(builder.Database))
                report.Add(Setting, "names no host or no database; both are needed");
            // ContainsKey says whether there is such a keyword, ShouldSerialize whether the text has it.
            if (!builder.ShouldSerialize("Maximum Pool Size"))
                builder.MaxPoolSize = DefaultMaxPool;
            if (!builder.ShouldSerialize("Max Auto Prepare"))
                builder.MaxAutoPrepare = DefaultMaxPrepared;
            return builder.ConnectionString;
        }
        catch (Exception error) when (error is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            report.Add(Setting, "is not an Npgsql connection string (Key=Value;…), or a key or value in it is unknown");
            return "";
        }
    }
}

/// <summary>Brings the schema up to date before anything else starts and before the port opens.</summary>
internal sealed class MigrationAtStart(Migrator migrator) : StartStep
{
    public override Task StartingAsync(CancellationToken cancellationToken) => migrator.MigrateAsync(cancellationToken);
}
