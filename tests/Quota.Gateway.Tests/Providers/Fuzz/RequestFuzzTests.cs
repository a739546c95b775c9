using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Tokens;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Fuzz;

/// <summary>Whatever a client sends: a refusal in its provider's words, or a request with sound bounds whose body is still what the upstream reads.</summary>
public sealed class RequestFuzzTests(ITestOutputHelper output)
{
    private const long MostAllocated = 64 << 20;

    [Fact]
    public void Unspoilt_they_are_taken() => FuzzedRequest.All.Select(it => (it, it.Read(it.Body).Refusal)).Where(it => it.Refusal is not null).ShouldBeEmpty();

    [Fact]
    public void No_request_is_too_strange()
    {
        var (began, bound, runs, taken) = (Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(LongForm.Pick(10, 90)), 0, 0);
        var faults = new ConcurrentBag<string>();
        Parallel.ForEach(FuzzedRequest.All, request =>
        {
            try
            {
                for (var seed = 1; seed <= LongForm.Pick(200, 10_000) && Stopwatch.GetElapsedTime(began) < bound; seed++, Interlocked.Increment(ref runs))
                    Interlocked.Add(ref taken, Run(request, seed) ? 1 : 0);
            }
            catch (Exception problem)
            {
                faults.Add(problem.ToString());
            }
        });
        faults.ShouldBeEmpty();
        output.WriteLine($"{runs} requests of {FuzzedRequest.All.Count} kinds, {taken} of them taken");
        runs.ShouldBeGreaterThan(FuzzedRequest.All.Count * 10);
        taken.ShouldBeInRange(runs / 20, runs - runs / 20, "neither is all of it refused, nor nothing");
    }

    private static bool Run(FuzzedRequest fuzzed, int seed)
    {
        var (random, where, before) = (new Random(seed), $"{fuzzed}, seed {seed}", GC.GetAllocatedBytesForCurrentThread());
        var body = random.Next(20) == 0 ? Mutation.Noise(random, random.Next(300)) : Mutation.Of(fuzzed.Body, random);
        try
        {
            var (request, refusal) = fuzzed.Read(body);
            if (refusal is not null)
                JsonElement.Parse(fuzzed.Adapter.Refuse(refusal).Body).ValueKind.ShouldBe(JsonValueKind.Object, where);
            else
                Check(fuzzed, request.ShouldNotBeNull(where), where);
            (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostAllocated, where);
            return refusal is null;
        }
        catch (Exception problem) when (problem is not ShouldAssertException)
        {
            throw new InvalidOperationException(where, problem);
        }
    }

    private static void Check(FuzzedRequest fuzzed, ProviderRequest request, string where)
    {
        foreach (var bound in new[] { request.InputBytes, request.MostInputTokens, request.AddedTokens, request.ImageBytes, request.Images, request.Seconds, request.Characters, request.OutputBound, InputBound.Cheap(fuzzed.Protocol, request.Model, request) })
            (bound ?? 0).ShouldBeGreaterThanOrEqualTo(0, where);
        request.Choices.ShouldBeGreaterThan(0, where);
        request.ImageBytes.ShouldBeLessThanOrEqualTo(request.InputBytes, where);
        (request.ToolCalls?.Values ?? []).ShouldAllBe(calls => calls >= 0, where);
        request.Model.Length.ShouldBeInRange(1, 256, where);
        (InputBound.Tight(fuzzed.Target.Kind, "gpt-4o-mini", request) ?? 0).ShouldBeGreaterThanOrEqualTo(InputBound.Estimate(fuzzed.Target.Kind, "gpt-4o-mini", request) ?? 0, where);
        var prepared = fuzzed.Adapter.Prepare(request.Naming("another"), new Upstream("fuzzed", fuzzed.Protocol, new Uri("http://fuzzed"), "", ["*"]));
        if (fuzzed.IsForm)
            return;
        var sent = JsonElement.Parse(Bytes(prepared.BodyWith(prepared.BoundPlace is null ? null : 77)), new JsonDocumentOptions { MaxDepth = 10_000 });
        if (request.ModelAt is not null)
            sent.EnumerateObject().Where(it => Ascii.EqualsIgnoreCase(JsonMarshal.GetRawUtf8PropertyName(it), "model"u8)).ShouldAllBe(it => it.Value.GetString() == "another", where);   // Ollama takes names in any case
    }

    private static byte[] Bytes(SplicedBody body)
    {
        using var stream = body.OpenRead();
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        copy.Length.ShouldBe(body.Length);
        return copy.ToArray();
    }
}
