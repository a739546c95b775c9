using Quota.Billing.Http;

namespace Quota.Billing.Clock;

/// <summary><c>GET</c> and <c>PUT /internal/v1/clock</c>, with the admin key.</summary>
internal static class ClockEndpoints
{
    public static void MapClock(this WebApplication app)
    {
        app.MapGet("/internal/v1/clock", (TimeProvider clock) => Results.Ok(new ClockReading(clock.GetUtcNow())));
        app.MapPut("/internal/v1/clock", Move);
    }

    private static async Task<IResult> Move(JsonBody body, TestClock clock, CancellationToken cancel)
    {
        if (!clock.Enabled)
            return ApiErrors.Forbidden("feature_unavailable", "TestClock__Enabled is not set: time is real and cannot be moved");
        var input = body.Input;
        var now = input.RequiredTime("now");
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        switch (await clock.MoveAsync(now, cancel))
        {
            case ClockMove.Moved moved:
                return Results.Ok(new ClockReading(moved.Now));
            case ClockMove.Backwards backwards:
                input.Validation.Add("now", $"lies in the past; the clock stands at {JsonFormats.Text(backwards.Now)} and only goes forward");
                return ApiErrors.Unprocessable(input.Validation);
            case ClockMove.TooFar far:
                input.Validation.Add("now", $"lies after {JsonFormats.Text(far.Latest)}");
                return ApiErrors.Unprocessable(input.Validation);
            case var other:
                throw new InvalidOperationException($"{other} is not handled.");
        }
    }

    private sealed record ClockReading(DateTimeOffset Now);
}
