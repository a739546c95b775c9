using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Ingest;

/// <summary>Parameters that are whole columns: <c>unnest</c> makes rows of them.</summary>
internal static class SqlColumns
{
    public static NpgsqlParameter Column(NpgsqlDbType type, object values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };

    public static NpgsqlParameter Value(NpgsqlDbType type, object? value) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };
}
