using System.Data;
using System.Text.Json;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace Quota.Billing.Database;

/// <summary>
/// What Dapper must be told once per process. Npgsql returns <c>timestamptz</c> as <c>DateTime</c> and refuses a
/// <c>DateTimeOffset</c> whose offset is not zero (npgsql issue 4176); these handlers cure both, for positional records too.
/// </summary>
internal static class DapperTypes
{
    public static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        // Built-in mappings win over handlers, so they have to go first.
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset?));
        SqlMapper.AddTypeHandler(new UtcTime());
        SqlMapper.RemoveTypeMap(typeof(DateOnly));
        SqlMapper.RemoveTypeMap(typeof(DateOnly?));
        SqlMapper.AddTypeHandler(new Day());
        SqlMapper.AddTypeHandler(new Json());
    }

    private sealed class UtcTime : SqlMapper.TypeHandler<DateTimeOffset>
    {
        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
        {
            parameter.Value = value.UtcDateTime;
            ((NpgsqlParameter)parameter).NpgsqlDbType = NpgsqlDbType.TimestampTz;
        }

        public override DateTimeOffset Parse(object value) => value switch
        {
            DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
            DateTimeOffset time => time.ToUniversalTime(),
            _ => throw new InvalidCastException($"{value.GetType()} is not a time."),
        };
    }

    /// <summary>jsonb columns into records that are answered as they are.</summary>
    private sealed class Json : SqlMapper.TypeHandler<JsonElement>
    {
        public override void SetValue(IDbDataParameter parameter, JsonElement value)
        {
            parameter.Value = value.GetRawText();
            ((NpgsqlParameter)parameter).NpgsqlDbType = NpgsqlDbType.Jsonb;
        }

        public override JsonElement Parse(object value) => JsonElement.Parse((string)value);
    }

    private sealed class Day : SqlMapper.TypeHandler<DateOnly>
    {
        public override void SetValue(IDbDataParameter parameter, DateOnly value)
        {
            parameter.Value = value;
            ((NpgsqlParameter)parameter).NpgsqlDbType = NpgsqlDbType.Date;
        }

        public override DateOnly Parse(object value) => value switch
        {
            DateOnly day => day,
            DateTime time => DateOnly.FromDateTime(time),
            _ => throw new InvalidCastException($"{value.GetType()} is not a day."),
        };
    }
}
