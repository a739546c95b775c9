using System.Net.Sockets;
using Npgsql;
using Quota.Shared.Hosting;

namespace Quota.Billing.Database;

/// <summary>Failures of a start that the operator can cure get a sentence; everything else keeps its stack trace.</summary>
internal static class StartFailure
{
    public static string? Explain(Exception error) => error switch
    {
        SettingsException or MigrationException => error.Message,
        PostgresException refused => $"PostgreSQL refuses (ConnectionStrings__Postgres): {refused.MessageText}",
        NpgsqlException { InnerException: SocketException or TimeoutException or IOException } unreachable
            => $"PostgreSQL cannot be reached (ConnectionStrings__Postgres): {unreachable.Message}",
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } taken => $"Urls: {taken.Message}",
        _ => null,
    };
}
