using System.Text;
using System.Text.Json;
using CsCheck;
using Quota.Shared.Pricing.Import;

namespace Quota.Shared.Tests.Pricing.Import;

/// <summary>Whatever the bytes are: an answer, soon, without much memory, and never a price that is not one.</summary>
public sealed class PriceDocumentFuzzTests
{
    private const long MostAllocated = 64 * 1024 * 1024;

    /// <summary>Pieces of both kinds of document, so that random text gets past the first brace.</summary>
    private static readonly string[] Words =
    [
        "{", "}", "[", "]", ":", ",", "\"m\"", "\"id\"", "\"models\"", "\"prices\"", "\"match\"", "\"or\"", "\"equals\"", "\"constraint\"", "\"start_date\"", "\"2026-01-01\"",
        "\"start_time\"", "\"00:30:00Z\"", "\"input_mtok\"", "\"output_mtok\"", "\"base\"", "\"tiers\"", "\"start\"", "\"price\"", "\"litellm_provider\"", "\"openai\"", "\"mode\"",
        "\"chat\"", "\"input_cost_per_token\"", "\"output_cost_per_token_above_200k_tokens_flex\"", "\"tiered_pricing\"", "\"range\"", "1e-06", "-1", "0", "1e999", "200000", "null", "true",
    ];

    private static readonly string[] LiteLlmNames =
    [
        "gpt-5.6", "claude-sonnet-4-5-20250929", "gemini/gemini-3-pro-preview", "dashscope/qwen3-coder-flash", "whisper-1", "tts-1", "dall-e-3", "rerank-v3.5", "perplexity/sonar",
    ];

    [Fact]
    public void Any_bytes_are_read() => Gen.Byte.Array[0, 400].Sample(Check, iter: 20_000);

    [Fact]
    public void Any_pieces_are_read() => Gen.Int[0, Words.Length - 1].Array[1, 60].Sample(
        pieces => Check(Encoding.UTF8.GetBytes(string.Concat(pieces.Select(piece => Words[piece])))), iter: 50_000);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Any_cut_of_a_document_is_a_mistake(bool isLiteLlm)
    {
        var document = isLiteLlm ? Documents.LiteLlmBytes : Documents.GenAiBytes;
        Gen.Int[0, document.Length - 3].Sample(length =>
        {
            var import = PriceDocument.Read(document.AsSpan(0, length));
            import.Mistakes.ShouldNotBeEmpty();
            import.Prices.ShouldBeEmpty();
        }, iter: 60);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Any_change_of_a_document_is_read(bool isLiteLlm)
    {
        var document = Part(isLiteLlm);
        Gen.Select(Gen.Int[0, document.Length - 1], Gen.Int[0, 12], Gen.Int[0, Words.Length - 1], Gen.Byte, Gen.Bool).Array[1, 4].Sample(changes =>
        {
            var changed = document.ToList();
            foreach (var (at, length, word, value, isByte) in changes)
            {
                var from = Math.Min(at, changed.Count);
                changed.RemoveRange(from, Math.Min(length, changed.Count - from));
                changed.InsertRange(from, isByte ? [value] : Encoding.UTF8.GetBytes(Words[word]));
            }
            Check([.. changed]);
        }, iter: 5_000);
    }

    [Fact]
    public void A_large_document_of_little_things_takes_no_more_than_a_few_times_its_size()
    {
        var document = Encoding.UTF8.GetBytes("{\"a\":[" + string.Join(',', Enumerable.Repeat("0", 4_000_000)) + "]}");
        var before = GC.GetAllocatedBytesForCurrentThread();
        PriceDocument.Read(document).Mistakes.ShouldBe(["a: is larger than 262144 bytes"]);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostAllocated);
    }

    private static void Check(byte[] document)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var import = PriceDocument.Read(document);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(MostAllocated);
        import.Prices.SelectMany(price => price.Mistakes()).ShouldBeEmpty("below 0, too dear, or too fine");
        if (import.Mistakes.Count > 0)
            import.Prices.ShouldBeEmpty();
    }

    /// <summary>Some models of each kind: whole documents take a quarter of a second each.</summary>
    private static byte[] Part(bool isLiteLlm)
    {
        using var document = JsonDocument.Parse(isLiteLlm ? Documents.LiteLlmBytes : Documents.GenAiBytes);
        var text = isLiteLlm
            ? "{" + string.Join(',', LiteLlmNames.Select(name => $"\"{name}\":{document.RootElement.GetProperty(name).GetRawText()}")) + "}"
            : "[" + string.Join(',', document.RootElement.EnumerateArray().Where(provider => provider.GetProperty("id").GetString() is "deepseek" or "minimax").Select(provider => provider.GetRawText())) + "]";
        PriceDocument.Read(Encoding.UTF8.GetBytes(text)).Prices.Count.ShouldBeGreaterThan(5);
        return Encoding.UTF8.GetBytes(text);
    }
}
