using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>Stripe's list answers: newest first, <c>limit</c> (10, at most 100) and <c>starting_after</c>.</summary>
internal static class StripeList
{
    public static JsonObject Page(JsonObject objects, string url, StripeForm form, Func<JsonObject, bool> matches)
    {
        var limit = form.Has("limit") ? (int)Math.Clamp(form.RequireInteger("limit"), 1, 100) : 10;
        var found = objects.Select(o => o.Value!.AsObject()).Reverse().Where(matches);
        if (form["starting_after"] is { } after)
            found = found.SkipWhile(o => o["id"]!.GetValue<string>() != after).Skip(1);
        var page = found.Take(limit + 1).ToList();
        return new JsonObject
        {
            ["object"] = "list",
            ["url"] = url,
            ["has_more"] = page.Count > limit,
            ["data"] = new JsonArray([.. page.Take(limit).Select(o => o.DeepClone())]),
        };
    }
}
