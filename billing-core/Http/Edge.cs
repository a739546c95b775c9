using Npgsql;
using Quota.Billing.Metering;

namespace Quota.Billing.Http;

/// <summary>
/// The one place where exceptions become answers. Bad input is 4xx in the shape of the API, a database that is away is 503, and
/// only what is broken here is 500. Text that PostgreSQL cannot hold is refused in paths and queries before any room sees it.
/// </summary>
internal sealed class Edge(RequestDelegate next, ILogger<Edge> log)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public async Task InvokeAsync(HttpContext context)
    {
        if (!IsClean(context.Request))
        {
            await ApiErrors.BadRequest("path and query may not hold control characters").ExecuteAsync(context);
            return;
        }
        try
        {
            await next(context);
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            if (Translate(error, context) is not { } answer)
                return;
            context.Response.Clear();
            await answer.ExecuteAsync(context);
        }
    }

    /// <summary>Null when the caller has gone and nobody reads an answer.</summary>
    private IResult? Translate(Exception error, HttpContext context)
    {
        switch (error)
        {
            case BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } bad:
                return ApiErrors.BadRequest(bad.Message);
            case BadHttpRequestException bad:
                return ApiErrors.Of(bad.StatusCode);
            case OperationCanceledException or IOException when context.RequestAborted.IsCancellationRequested:
                return null;
            // The net under validation: a number, time or text that a column cannot hold.
            case PostgresException { SqlState: PostgresErrorCodes.NumericValueOutOfRange or PostgresErrorCodes.DatetimeFieldOverflow
                or PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } unfit:
                Log.UnfitInput(log, context.Request.Path, unfit.MessageText);
                return ApiErrors.BadRequest("a value cannot be stored");
            case NpgsqlException { IsTransient: true }:
                Log.DatabaseAway(log, context.Request.Path, error);
                return ApiErrors.Busy(StatusCodes.Status503ServiceUnavailable, RetryAfter, "database_unavailable");
            case EventsGoneException gone:
                return ApiErrors.Of(StatusCodes.Status410Gone, "events_gone", new Dictionary<string, string[]> { ["period"] = [gone.Message] });
            default:
                Log.Failed(log, context.Request.Method, context.Request.Path, error);
                return ApiErrors.Of(StatusCodes.Status500InternalServerError);
        }
    }

    private static bool IsClean(HttpRequest request) =>
        IsLine(request.Path.Value) && request.Query.All(pair => IsLine(pair.Key) && pair.Value.All(IsLine));

    private static bool IsLine(string? text) => text is null || (JsonText.IsClean(text) && text.AsSpan().IndexOfAny('\r', '\n', '\t') < 0);
}
