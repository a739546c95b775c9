namespace Quota.Billing.Http;

/// <summary>The two shapes of success: one object under its name, or a page of them with <c>meta</c>.</summary>
internal static class Answers
{
    public static IResult One(string name, object value) => Results.Ok(new Dictionary<string, object> { [name] = value });

    public static IResult Page<T>(string name, IReadOnlyList<T> items, Paging paging, long total) =>
        Results.Ok(new Dictionary<string, object> { [name] = items, ["meta"] = paging.Meta(total) });
}
