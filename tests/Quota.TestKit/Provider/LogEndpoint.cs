using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>The provider's log over HTTP, for those in another process; and its list of models.</summary>
internal static class LogEndpoint
{
    private const int PageSize = 5_000;
    private static readonly string[] Models = ["gpt-4o-mini", "gpt-4o"];
    private static readonly JsonSerializerOptions SnakeCase = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static Task AnswerAsync(HttpContext context, ProviderLog log)
    {
        if (context.Request.Path == "/_log/totals")
            return WriteAsync(context, log.Totals);
        if (context.Request.Path != "/_log/entries")
            return OpenAiError.WriteAsync(context, 404, "Only /_log/totals and /_log/entries.", "invalid_request_error", null);
        long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var after);
        var entries = context.Request.Query["request_id"].ToString() is { Length: > 0 } id ? log.Find(id) : log.Entries(after, PageSize);
        return WriteAsync(context, new { Entries = entries });
    }

    public static Task ModelsAsync(HttpContext context) => WriteAsync(context, new
    {
        Object = "list",
        Data = Models.Select(id => new { Id = id, Object = "model", Created = 1_721_172_741, OwnedBy = "system" }),
    });

    /// <summary>Nothing is ever found.</summary>
    public static Task ModerationAsync(HttpContext context) =>
        WriteAsync(context, new { Id = "modr-standin", Model = "omni-moderation-latest", Results = new[] { new { Flagged = false } } });

    private static Task WriteAsync(HttpContext context, object answer)
    {
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(answer, SnakeCase)).AsTask();
    }
}
