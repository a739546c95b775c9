using System.Globalization;
using System.Text;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>
/// Client or upstream goes at every boundary of every grammar: one event each, the provider's numbers where they could be read, never nothing for what was
/// served, and nothing held at the end. The stand-in's log is the witness: behind the cut it always finishes.
/// </summary>
public sealed class CutTests(ITestOutputHelper output)
{
    /// <param name="onDisconnect">What the upstreams' setting of this name says.</param>
    /// <param name="isStepwise">Whether streams go out only as far as their hold has grown.</param>
    [Theory]
    [InlineData("drain", false)]
    [InlineData("drain", true)]
    [InlineData("abort", false)]
    [InlineData("abort", true)]
    public async Task Whoever_goes_wherever_each_call_is_one_event_and_nothing_stays_held(string onDisconnect, bool isStepwise)
    {
        var drains = onDisconnect == "drain";
        await using var scene = await CutScene.StartAsync(drains, isStepwise);
        var whole = CutGrammar.All.Select((grammar, number) => new CutCase(number, grammar, CutKind.Nobody)).ToArray();
        await scene.RunAsync(whole);
        whole.ShouldAllBe(it => CutClient.LooksWhole(it.Got.ToArray()), string.Join('\n', whole.Select(it => $"{it}\n{Encoding.UTF8.GetString(it.Got.ToArray())}")));
        CutCase[] cases = [.. whole, .. CasesOf(whole, drains, new Random(drains ? 1 : 2), LongForm.Pick(80, 750))];
        await scene.RunAsync(cases[whole.Length..]);

        var ids = cases.SelectMany(it => it.Ids).Distinct().ToArray();
        var events = (await scene.EventsAsync(ids.Length)).ToDictionary(it => it.GetProperty("id").GetString()!);
        events.Keys.Order(StringComparer.Ordinal).ShouldBe(ids.Order(StringComparer.Ordinal), "each call has its event, and there is no other");
        await scene.SettledAsync(events.Values);

        var served = scene.Provider.Served.Entries().ToLookup(it => it.RequestId);
        Tell(cases, events);
        cases.Count(it => it.Kind == CutKind.ClientInAnswer && it.Ids.Any(id => events[id].GetProperty("status").GetString() == "cancelled")).ShouldBeGreaterThan(3, "clients were seen to go");
        cases.SelectMany(it => Faults(it, drains, events, served).Select(fault => $"{it}: {fault}\n  {string.Join("\n  ", it.Ids.Distinct().Select(id => events[id].GetRawText()))}")).ShouldBeEmpty();
    }

    private static IEnumerable<CutCase> CasesOf(CutCase[] whole, bool drains, Random random, int count)
    {
        CutKind[] kinds = [CutKind.ClientInAnswer, CutKind.UpstreamInAnswer, CutKind.ClientInAnswer, CutKind.UpstreamInAnswer, drains ? CutKind.ClientThenUpstream : CutKind.ClientInAnswer, CutKind.UpstreamInRequest, CutKind.ClientInRequest];
        var places = whole.ToDictionary(it => it.Grammar, it => new Queue<int>(Shuffled(CutGrammar.PlacesIn(it.Passed.ToArray()), random)));
        for (var number = 0; number < count; number++)
        {
            var grammar = whole[number % whole.Length].Grammar;
            var kind = kinds[(number + number / whole.Length) % kinds.Length];
            var place = places[grammar].Dequeue();
            places[grammar].Enqueue(place);
            var inRequest = kind is CutKind.ClientInRequest or CutKind.UpstreamInRequest;
            yield return new CutCase(whole.Length + number, grammar, kind, inRequest ? random.Next(grammar.Body.Length) : place, kind == CutKind.ClientThenUpstream ? random.Next(1, 2_000) : 0, random.Next(2) == 0)
            {
                WholeBytes = whole[number % whole.Length].Passed.Length,
            };
        }
    }

    private static int[] Shuffled(IReadOnlyList<int> places, Random random)
    {
        int[] shuffled = [.. places];
        random.Shuffle(shuffled);
        return shuffled;
    }

    private static IEnumerable<string> Faults(CutCase it, bool drains, Dictionary<string, JsonElement> events, ILookup<string, ProviderEntry> served)
    {
        if (it.Trouble is { } trouble)
            yield return trouble;
        if (it.Kind == CutKind.ClientInRequest)
        {
            if (!it.Ids.IsEmpty)
                yield return "the upstream was asked although the request was never whole";
            yield break;
        }
        if (it.Ids.Distinct().ToArray() is not [var id])
        {
            yield return $"{it.Ids.Count} calls";
            yield break;
        }
        var (told, witness) = (events[id], served[id].SingleOrDefault());
        var (status, isEstimate, usage) = (told.GetProperty("status").GetString()!, told.GetProperty("estimated").GetBoolean(), told.GetProperty("usage"));
        long Count(string unit) => usage.TryGetProperty(unit, out var value) ? value.GetInt64() : 0;
        var counts = (Count("input_tokens"), Count("cached_input_tokens"), Count("output_tokens"));
        if (!StatusesOf(it.Kind).Contains(status))
            yield return $"status {status}";
        if (status == "completed" && isEstimate)
            yield return "completed, and yet estimated";
        if (status == "failed" ? counts != (0, 0, 0) || Count("requests") != 0 : counts.Item1 <= 0 || Count("requests") != 1)
            yield return $"{status} with {counts}";
        if (counts.Item3 > 40)
            yield return "more than the call's bound";
        if (isEstimate && IsToldWhole(it, drains))
            yield return "estimated, although the provider's numbers could be read";
        if (!isEstimate && status != "failed" && (witness is null || counts != (witness.InputTokens, witness.CachedInputTokens, witness.OutputTokens)))
            yield return $"told as the provider's own, but that says {witness}";
        if (isEstimate && it is { Kind: CutKind.UpstreamInAnswer, IsAbrupt: false, Grammar.IsStream: true } && counts.Item3 < FakeProvider.TokensIn(Encoding.Latin1.GetString(it.Passed.ToArray())) - 1)   // the last may be a part of one
            yield return "fewer tokens than events with text";
        if (status == "cut_off" && CutClient.LooksWhole(it.Got.ToArray()))
            yield return "cut off, and yet whole to its client";
    }

    private static string[] StatusesOf(CutKind kind) => kind switch
    {
        CutKind.Nobody => ["completed"],
        CutKind.ClientInAnswer => ["completed", "cancelled"],
        CutKind.ClientThenUpstream => ["completed", "cancelled", "cut_off"],   // either may be noticed first
        CutKind.UpstreamInRequest => ["failed", "cut_off"],   // the kernel may have taken what the upstream never read
        _ => ["completed", "cut_off"],
    };

    /// <summary>Every byte of the answer reached the gateway, so that it must have the numbers.</summary>
    private static bool IsToldWhole(CutCase it, bool drains) => it.Kind == CutKind.Nobody || (it.Kind == CutKind.ClientInAnswer && drains)
        || (it is { Kind: CutKind.UpstreamInAnswer, IsAbrupt: false } && it.Place >= it.WholeBytes - 5 && it.Grammar.IsStream);   // only the end of the chunks is missing

    private void Tell(CutCase[] cases, Dictionary<string, JsonElement> events)
    {
        output.WriteLine($"{"",-20}{"cases",8}{"completed",11}{"cancelled",11}{"cut_off",9}{"failed",8}{"estimated",11}");
        foreach (var kind in cases.GroupBy(it => it.Kind).OrderBy(it => it.Key))
        {
            var told = kind.SelectMany(it => it.Ids.Distinct()).Select(id => events[id]).ToArray();
            int With(string status) => told.Count(it => it.GetProperty("status").GetString() == status);
            output.WriteLine($"{kind.Key,-20}{kind.Count(),8}{With("completed"),11}{With("cancelled"),11}{With("cut_off"),9}{With("failed"),8}{told.Count(it => it.GetProperty("estimated").GetBoolean()),11}");
        }
    }
}
