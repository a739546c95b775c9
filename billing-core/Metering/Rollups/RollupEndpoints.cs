using Quota.Billing.Http;

namespace Quota.Billing.Metering.Rollups;

/// <summary><c>POST /api/v1/rollups/verify</c> <c>{from?, to?, repair?}</c>: whether rollups say what the events say. Answers when all is compared.</summary>
internal static class RollupEndpoints
{
    public static void MapRollups(this WebApplication app) => app.MapPost("/api/v1/rollups/verify", Verify);

    private static async Task<IResult> Verify(JsonBody body, RollupCheck check, CancellationToken cancel)
    {
        var input = body.Input;
        input.RefuseOthersThan("from", "to", "repair");
        var (from, to, repair) = (input.Time("from"), input.Time("to"), input.Flag("repair") ?? false);
        if (from >= to)
            input.Refuse("to", "must be later than from");
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        var reports = await check.RunAsync(from, to, repair, cancel);
        return Results.Ok(new { Rollups = reports.Select(report => report.Answer) });
    }
}
