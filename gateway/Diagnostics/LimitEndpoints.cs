using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using StackExchange.Redis;

namespace Quota.Gateway.Diagnostics;

/// <summary>Where the limits stand, what a call would meet, and whether the counters are right.</summary>
internal static class LimitEndpoints
{
    private const int MostRows = 10_000;

    /// <summary><c>GET /admin/limits?scope=acme/research</c>: every limit on that node and below, in its window of now.</summary>
    public static Task ListAsync(HttpContext context) => AnswerAsync(context, async () =>
    {
        var store = context.RequestServices.GetRequiredService<QuotaStore>();
        var scope = context.Request.Query["scope"].ToString();
        var shown = (context.RequestServices.GetRequiredService<CurrentControl>().Now?.Counters ?? [])
            .SelectMany(counter => counter.Limits.Select(limit => (Counter: counter, Limit: limit)))
            .Where(it => scope.Length == 0 || it.Limit.Scope == scope || it.Limit.Scope.StartsWith(scope + "/", StringComparison.Ordinal))
            .OrderBy(it => it.Limit.Scope, StringComparer.Ordinal).ThenBy(it => it.Limit.Code, StringComparer.Ordinal).Take(MostRows).ToArray();
        var stored = await Task.WhenAll(shown.Select(it => store.ReadCounterAsync(it.Counter)));
        await AdminEndpoints.WriteAsync(context, 200, json =>
        {
            json.WriteStartArray("limits");
            for (var i = 0; i < shown.Length; i++)
            {
                var (counter, limit) = shown[i];
                json.WriteStartObject();
                WriteTerms(json, limit.Code, limit.Scope, limit.Terms);
                WriteStanding(json, new LimitStanding(limit, counter.Window.IsNone ? 0 : stored[i].Used, stored[i].Held, null, counter.EndAt(store.NowMs), null));
                json.WriteString("over", limit.Show(stored[i].Over));
                json.WriteString("counter", counter.WindowsAt(store.NowMs).Current);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    });

    /// <summary><c>POST /admin/limits/explain</c> {key or scope, model, input_tokens, max_output_tokens, n, stream}.</summary>
    public static Task ExplainAsync(HttpContext context) => AnswerAsync(context, async () =>
    {
        var services = context.RequestServices;
        if (services.GetRequiredService<CurrentControl>().Now is not { } state)
        {
            await AdminEndpoints.WriteAsync(context, 503, json => json.WriteString("error", "there is no control snapshot yet"));
            return;
        }
        var (input, mistakes) = await ExplainInput.ReadAsync(context.Request, state, services.GetRequiredService<LimitsOptions>(), services.GetRequiredService<GatewayClock>().GetUtcNow());
        if (input is null)
        {
            await AdminEndpoints.WriteAsync(context, 422, json =>
            {
                json.WriteStartObject("errors");
                foreach (var (field, problem) in mistakes)
                    json.WriteString(field, problem);
                json.WriteEndObject();
            });
            return;
        }
        var explanation = await services.GetRequiredService<LimitExplainer>().RunAsync(state, input.Caller, input.Model, input.Provider, "chat", input.Demand);
        await AdminEndpoints.WriteAsync(context, 200, json =>
        {
            json.WriteString("decision", explanation.Decision);
            json.WriteString("key", input.Caller.Key.Name ?? input.Caller.Key.Id);
            json.WriteString("scope", string.Join('/', new[] { input.Caller.Org.Code, input.Caller.Key.Team, input.Caller.Key.User }.OfType<string>()));
            json.WriteNumber("output_tokens", explanation.Output);
            json.WriteStartArray("limits");
            foreach (var limit in explanation.Limits)
            {
                json.WriteStartObject();
                WriteTerms(json, limit.Code, limit.Scope, limit.Terms);
                json.WriteBoolean("applies", limit.Applies);
                json.WriteString("why", limit.Why);
                if (limit.Standing is { } standing)
                {
                    WriteStanding(json, standing);
                    json.WriteString("requested", standing.Requested is { } requested ? standing.Limit.Show(requested) : null);
                    json.WriteBoolean("would_fit", LimitExplainer.Fits(standing));
                    if (standing.FitsOutputTokens is { } tokens)
                        json.WriteNumber("fits_output_tokens", tokens);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    });

    /// <summary><c>POST /admin/counters/verify?org=acme</c>: 200 when they are right, 409 with every difference when not.</summary>
    public static Task VerifyAsync(HttpContext context) => AnswerAsync(context, async () =>
    {
        if (await OrgAsync(context) is not { } orgId)
            return;
        var findings = await context.RequestServices.GetRequiredService<CounterCheck>().RunAsync(orgId);
        await AdminEndpoints.WriteAsync(context, findings.Differences.Count == 0 ? 200 : 409, json =>
        {
            json.WriteNumber("counters", findings.Counters);
            json.WriteNumber("open_holds", findings.Holds);
            json.WriteString("settled", findings.IsAlone ? "checked against this gateway's own calls" : "not checked: other gateways count here, too");
            json.WriteStartArray("differences");
            foreach (var it in findings.Differences)
            {
                json.WriteStartObject();
                json.WriteString("counter", it.Counter);
                json.WriteString("field", it.Field);
                json.WriteNumber("stored", it.Stored);
                json.WriteNumber("expected", it.Expected);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    });

    /// <summary>
    /// <c>POST /admin/counters/rebuild?org=acme</c>: a new epoch from this gateway's own calls; where other gateways have counted, too, only with
    /// <c>&amp;force=true</c>, since their calls are then forgotten. With <c>&amp;from=store</c> the counters are taken as they are, because
    /// somebody has put them right, or the gateways that have not confirmed them are gone for good.
    /// </summary>
    public static Task RebuildAsync(HttpContext context) => AnswerAsync(context, async () =>
    {
        if (await OrgAsync(context) is not { } orgId)
            return;
        var epoch = context.RequestServices.GetRequiredService<QuotaStore>().Epoch(orgId);
        if (context.Request.Query["from"] == "store")
            await epoch.AdoptAsync();
        else if (epoch.IsShared && context.Request.Query["force"] != "true")
        {
            await AdminEndpoints.WriteAsync(context, 409, json => json.WriteString("error",
                "other gateways have counted here, and their calls would be forgotten; use from=store when the counters are right, or force=true"));
            return;
        }
        else
            await context.RequestServices.GetRequiredService<CounterRebuild>().RunAsync(epoch);
        await AdminEndpoints.WriteAsync(context, 200, json => json.WriteString("epoch", epoch.Id));
    });

    private static async Task<string?> OrgAsync(HttpContext context)
    {
        var code = context.Request.Query["org"].ToString();
        var org = context.RequestServices.GetRequiredService<CurrentControl>().Now?.Orgs.FirstOrDefault(org => org.Code == code);
        if (org is null)
            await AdminEndpoints.WriteAsync(context, 404, json => json.WriteString("error", $"org: '{code}' is not known; name one with ?org="));
        return org?.Id;
    }

    private static void WriteTerms(Utf8JsonWriter json, string code, string scope, Shared.ControlPlane.LimitTerms terms)
    {
        json.WriteString("limit", code);
        json.WriteString("scope", scope);
        json.WriteString("meter", terms.Meter);
        json.WriteString("mode", terms.Mode);
        json.WriteString("window", terms.Window.IsNone ? null : terms.Window.ToString());
        if (terms.IsMoney)
            json.WriteString("currency", terms.Currency);
    }

    private static void WriteStanding(Utf8JsonWriter json, LimitStanding standing)
    {
        json.WriteString("amount", standing.Limit.Show(standing.Limit.MostAtOnce));
        json.WriteString("used", standing.Limit.Show(standing.Used));
        json.WriteString("held", standing.Limit.Show(standing.Held));
        json.WriteString("remaining", standing.Limit.Show(standing.Remaining));
        json.WriteString("resets_at", standing.ResetsAtMs is { } resets ? DateTimeOffset.FromUnixTimeMilliseconds(resets).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) : null);
    }

    private static async Task AnswerAsync(HttpContext context, Func<Task> answer)
    {
        try
        {
            await answer();
        }
        catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException && !context.Response.HasStarted)
        {
            await AdminEndpoints.WriteAsync(context, 503, json => json.WriteString("error", problem is StoreClosedException ? problem.Message : "the counter store does not answer"));
        }
    }
}
