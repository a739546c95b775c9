using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using Quota.Gateway.Providers;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Fuzz;

/// <summary>Whatever an upstream sends, and whenever it is cut: no reader throws, hangs or takes much memory, and no count is one that no call can have.</summary>
public sealed class AnswerFuzzTests(ITestOutputHelper output)
{
    private const long MostCount = 1L << 53, MostAllocated = 64 << 20;

    private static readonly PriceFunction Price = new(new ModelPrice
    {
        Provider = "p", Model = "m", Currency = "USD", Version = "v", Input = 10, CachedInput = 1, CacheWrite = 12.5m, CacheWrite1h = 20, AudioInput = 40, ImageInput = 10, Output = 40, Reasoning = 40, AudioOutput = 80, ImageOutput = 40,
    });

    private static readonly string[] TellingHeaders = ["x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count", "x-gemini-service-tier", "x-amzn-bedrock-service-tier", "x-seconds", "x-characters", "x-output_tokens"];

    [Fact]
    public void No_answer_is_too_strange()
    {
        var (began, bound, runs) = (Stopwatch.GetTimestamp(), TimeSpan.FromSeconds(LongForm.Pick(15, 150)), 0);
        var faults = new ConcurrentBag<string>();
        Parallel.ForEach(FuzzedAnswer.All, answer =>
        {
            try
            {
                for (var seed = 1; seed <= LongForm.Pick(60, 3_000) && Stopwatch.GetElapsedTime(began) < bound; seed++, Interlocked.Increment(ref runs))
                    Run(answer, seed);
            }
            catch (Exception problem)
            {
                faults.Add(problem.ToString());
            }
        });
        faults.ShouldBeEmpty();
        output.WriteLine($"{runs} answers of {FuzzedAnswer.All.Count} kinds, at most {MostAllocated >> 20} MiB allocated for each");
        runs.ShouldBeGreaterThan(FuzzedAnswer.All.Count * 10);
    }

    private static void Run(FuzzedAnswer answer, int seed)
    {
        var random = new Random(seed);
        var bytes = answer.Spoilt(random);
        var (before, began) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
        try
        {
            Feed(answer, answer.Reader(), bytes, random);
        }
        catch (Exception problem) when (problem is not ShouldAssertException)
        {
            throw new InvalidOperationException($"{answer.Name}, seed {seed}", problem);
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostAllocated, $"{answer.Name}, seed {seed}");
        Stopwatch.GetElapsedTime(began).TotalSeconds.ShouldBeLessThan(20, $"{answer.Name}, seed {seed}");

        void Feed(FuzzedAnswer fuzzed, UsageReader reader, byte[] data, Random dice)
        {
            using var headers = Headers(dice);
            reader.Answered(headers.Headers);
            using var text = dice.Next(2) == 0 ? reader.KeepTextOf("gpt-4o-mini") : null;
            var (kept, how, largest) = (new ArrayBufferWriter<byte>(), dice.Next(3), dice.Next(2) == 0 ? 40 : 4_000);
            var isCut = false;
            for (var at = 0; at < data.Length && !isCut;)
            {
                var piece = data.AsSpan(at, Math.Min(data.Length - at, dice.Next(1, largest)));
                at += piece.Length;
                how = dice.Next(20) == 0 ? dice.Next(3) : how;   // a hold is lost, a client goes
                if (how == 0)
                    reader.Feed(piece, null);
                else if (how == 1)
                    reader.Feed(piece, kept);
                else
                    isCut = Step(reader, piece, kept, dice, fuzzed.IsStream);
                Check(fuzzed, reader, seed);
            }
            if (!isCut)
                reader.End(dice.Next(2) == 0 ? kept : null);
            if (!isCut && dice.Next(3) == 0)
                Cut(reader, kept);
            Check(fuzzed, reader, seed);
            text?.Tokens().ShouldBeInRange(0, data.Length, $"{fuzzed.Name}, seed {seed}");
        }
    }

    /// <summary>As a stream that may be cut is read; true when it was.</summary>
    private static bool Step(UsageReader reader, ReadOnlySpan<byte> data, ArrayBufferWriter<byte> kept, Random dice, bool isStream)
    {
        for (var idle = 0; !data.IsEmpty;)
        {
            var step = reader.Next(data, kept, out var taken);
            taken.ShouldBeInRange(0, data.Length);
            data = data[taken..];
            (idle = taken == 0 ? idle + 1 : 0).ShouldBeLessThan(3, "it takes nothing and goes on");
            if (step == EventStep.TooLong || (step == EventStep.Whole && isStream && dice.Next(60) == 0))
            {
                Cut(reader, kept);
                return true;
            }
        }
        return false;
    }

    private static void Cut(UsageReader reader, ArrayBufferWriter<byte> kept)
    {
        reader.TakeBack();
        reader.WriteEnding(kept, reader.Usage ?? new UsageCounts { Requests = 1, InputTokens = 7, OutputTokens = 5 });
    }

    private static HttpResponseMessage Headers(Random dice)
    {
        var headers = new HttpResponseMessage();
        foreach (var name in TellingHeaders.Where(_ => dice.Next(4) == 0))
            headers.Headers.TryAddWithoutValidation(name, Mutation.Number(dice));
        return headers;
    }

    private static void Check(FuzzedAnswer answer, UsageReader reader, int seed)
    {
        var where = $"{answer.Name}, seed {seed}";
        reader.OutputBytes.ShouldBeInRange(0, MostCount, where);
        reader.TextEvents.ShouldBeInRange(0, MostCount, where);
        (reader.ProviderCost ?? 0).ShouldBeGreaterThanOrEqualTo(0, where);
        (reader.ResponseModel?.Length ?? 0).ShouldBeLessThanOrEqualTo(256, where);
        (reader.ServiceTier?.Length ?? 0).ShouldBeLessThanOrEqualTo(256, where);
        Check(reader.Usage, where);
        Check(reader.InputKnown, where);
    }

    private static void Check(UsageCounts? usage, string where)
    {
        if (usage is null)
            return;
        long?[] counts =
        [
            usage.Requests, usage.InputTokens, usage.CachedInputTokens, usage.CacheWriteTokens, usage.CacheWrite1hTokens, usage.OutputTokens, usage.ReasoningTokens, usage.AudioInputTokens,
            usage.AudioOutputTokens, usage.ImageTokens, usage.ImageOutputTokens, usage.Images, usage.Seconds, usage.Characters, usage.BytesIn, usage.BytesOut, .. usage.ToolCalls?.Values.Select(it => (long?)it) ?? [],
        ];
        foreach (var count in counts)
            (count ?? 0).ShouldBeInRange(0, MostCount, where);
        Price.Amount(usage, new PriceTerms(null, DateTimeOffset.UnixEpoch)).ToDecimal().ShouldBeGreaterThanOrEqualTo(0, where);
    }
}
