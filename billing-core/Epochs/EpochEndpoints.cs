using Quota.Billing.Access;
using Quota.Billing.Http;
using Quota.Billing.Ingest;

namespace Quota.Billing.Epochs;

/// <summary><c>POST /internal/v1/epochs</c>, <c>POST /internal/v1/epochs/opened</c> for gateways.</summary>
internal static class EpochEndpoints
{
    public static void MapEpochEndpoints(this WebApplication app)
    {
        var gateways = app.MapGroup("/internal/v1/epochs").RequireAuthorization(AccessRegistration.Gateways);
        gateways.MapPost("", Ask);
        gateways.MapPost("/opened", Opened);
    }

    private static async Task<IResult> Ask(JsonBody body, EpochStore store, GatewayInstances gateways, CancellationToken cancel)
    {
        var input = body.Input;
        var (instance, org) = (GatewayInstances.NameIn(input), Org(input));
        var (lost, again) = (input.Flag("lost") ?? false, input.Whole("again", 0, long.MaxValue));
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        await gateways.SeenAsync(instance, null, cancel, polls: true);
        return await store.AskAsync(instance, org, lost, again, cancel) is { } order ? Results.Ok(order) : ApiErrors.NotFound("organization");
    }

    private static async Task<IResult> Opened(JsonBody body, EpochStore store, CancellationToken cancel)
    {
        var input = body.Input;
        var (org, generation) = (Org(input), input.Whole("generation", 0, long.MaxValue));
        if (generation is null)
            input.Refuse("generation", Mistake.Mandatory);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        await store.OpenedAsync(org, generation!.Value, cancel);
        return Results.NoContent();
    }

    private static Guid Org(Input input)
    {
        var text = input.RequiredText("org_id");
        if (text.Length > 0 && !Guid.TryParseExact(text, "N", out _))
            input.Refuse("org_id", $"'{text}' is not 32 hex digits");
        return Guid.TryParseExact(text, "N", out var org) ? org : default;
    }
}
