using System.Text.Json;

namespace Quota.Billing.Http;

/// <summary>
/// A request's body as one JSON object. Bound by minimal APIs as a parameter; what is no JSON object, is too deep or names a
/// property twice is answered with 400 at the edge, and a body over the limit with 413.
/// </summary>
internal sealed class JsonBody(JsonElement root)
{
    public static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>The body's own fields.</summary>
    public Input Input { get; } = new(root, new Validation());

    /// <summary>The object under a name: <c>{"customer":{…}}</c>.</summary>
    /// <exception cref="BadHttpRequestException">It is missing or no object.</exception>
    public Input Root(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
        ? new Input(value, new Validation())
        : throw new BadHttpRequestException($"the body must be an object with an object '{name}'");

    public static async ValueTask<JsonBody?> BindAsync(HttpContext context) => new(await ReadAsync(context, Strict));

    /// <summary>Reads the body; the document lives as long as the request.</summary>
    /// <param name="kind">Object or Array.</param>
    /// <exception cref="BadHttpRequestException">No JSON of this kind.</exception>
    public static async Task<JsonElement> ReadAsync(HttpContext context, JsonDocumentOptions options, JsonValueKind kind = JsonValueKind.Object)
    {
        try
        {
            var document = await JsonDocument.ParseAsync(context.Request.Body, options, context.RequestAborted);
            context.Response.RegisterForDispose(document);
            if (document.RootElement.ValueKind == kind)
                return document.RootElement;
        }
        // InvalidDataException: a broken gzip stream. InvalidOperationException: a property name with half a surrogate pair.
        catch (Exception error) when (error is JsonException or InvalidDataException or InvalidOperationException)
        {
            throw new BadHttpRequestException($"the body is not usable JSON: {error.Message}", error);
        }
        throw new BadHttpRequestException($"the body must be a JSON {(kind == JsonValueKind.Array ? "array" : "object")}");
    }
}
