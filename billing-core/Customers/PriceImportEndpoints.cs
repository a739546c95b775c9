using Microsoft.AspNetCore.Http.Metadata;
using Quota.Billing.Http;
using Quota.Shared.Pricing.Import;

namespace Quota.Billing.Customers;

/// <summary>
/// <c>POST /api/v1/prices/import?effective_from=&amp;dry_run=</c>: the body is a public price document (LiteLLM's map or genai-prices v2). What
/// it prices takes over from <c>effective_from</c> (now), what it prices from a later date on that date; the past keeps its prices. All or
/// nothing, and nothing the second time. <c>dry_run=true</c> stores nothing and shows each change.
/// </summary>
internal static class PriceImportEndpoints
{
    private const string From = "effective_from", DryRun = "dry_run", Document = "document";

    public static void MapPriceImport(this WebApplication app) =>
        app.MapPost("/api/v1/prices/import", Import).WithMetadata(new BodyLimit(PriceDocument.MostBytes));

    private static async Task<IResult> Import(HttpContext context, PriceImportStore store, TimeProvider clock)
    {
        var validation = new Validation();
        var (from, isDry) = ReadWords(context.Request.Query, clock.GetUtcNow(), validation);
        var import = validation.IsValid ? await ReadAsync(context) : new PriceImport([], [], []);
        foreach (var mistake in import.Mistakes)
            validation.Add(Document, mistake);
        if (!validation.IsValid)
            return ApiErrors.Unprocessable(validation);
        var outcome = await store.ImportAsync(import.Prices, from, isDry, context.RequestAborted);
        if (outcome.Conflicts.Count > 0)
            return ApiErrors.Unprocessable(From, Mistake.AlreadyExists);
        var skipped = import.Skipped.Select(model => new SkippedAnswer(model.Name, model.Reason)).ToArray();
        var answer = new Dictionary<string, object> { ["imported"] = outcome.Imported, ["unchanged"] = outcome.Unchanged, ["skipped"] = skipped };
        if (isDry)
            answer["changes"] = outcome.Changes;
        return Results.Ok(answer);
    }

    private static (DateTimeOffset From, bool IsDry) ReadWords(IQueryCollection query, DateTimeOffset now, Validation validation)
    {
        var (from, isDry) = (now, false);
        foreach (var (word, values) in query)
        {
            var text = values.Count == 1 ? values[0] : null;
            if (word == From && !TimeText.TryParse(text, out from))
                validation.Add(word, Mistake.InvalidFormat);
            else if (word == DryRun && !bool.TryParse(text, out isDry))
                validation.Add(word, Mistake.Invalid);
            else if (word is not (From or DryRun))
                validation.Add(word, $"is not known; use {From}, {DryRun}");
        }
        // What PostgreSQL keeps, so that the answer is what is stored.
        return (new DateTimeOffset(from.UtcTicks - (from.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero), isDry);
    }

    /// <exception cref="BadHttpRequestException">A broken gzip stream, or more than a document may have.</exception>
    private static async Task<PriceImport> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (InvalidDataException error)
        {
            throw new BadHttpRequestException($"the body cannot be read: {error.Message}", error);
        }
        return PriceDocument.Read(body.GetBuffer().AsSpan(0, (int)body.Length));
    }

    private sealed record SkippedAnswer(string Model, string Reason);

    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
