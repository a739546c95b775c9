using System.Text;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>Text that is kept in pieces has the tokens of the whole; it can be taken back, and is bounded.</summary>
public sealed class KeptTextTests : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await TokenCounter.Loading("gpt-4o")!;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("""antidisestablish|mentarianism""", 6)]   // cookbook: 6 tokens
    [InlineData("""\u304a|\u8a95\u751f\u65e5|\u304a\u3081\u3067\u3068\u3046""", 8)]   // お誕生日おめでとう, cookbook: 8
    [InlineData("""2 + |2 |= 4""", 7)]
    [InlineData("", 0)]
    public void Pieces_have_the_tokens_of_the_whole(string pieces, long tokens)
    {
        using var text = KeptText.For("gpt-4o")!;
        foreach (var piece in pieces.Split('|'))
            text.Add(Encoding.UTF8.GetBytes(piece));
        (text.Tokens(), text.Length).ShouldBe((tokens, Encoding.UTF8.GetByteCount(pieces.Replace("|", "", StringComparison.Ordinal))));
        text.Tokens().ShouldBe(tokens);   // and can be asked again
    }

    [Fact]
    public void Text_after_a_mark_can_be_taken_back()
    {
        using var text = KeptText.For("gpt-4o")!;
        text.Add("hello"u8);
        text.Mark();
        text.Add(" world"u8);
        text.Tokens().ShouldBe(2);
        text.TakeBack();
        (text.Tokens(), text.Length).ShouldBe((1, 5));
    }

    [Theory]
    [InlineData("""half an escape \u00""")]
    [InlineData("""half a pair \ud83d""")]
    [InlineData("""ends in \""")]
    public void Broken_text_counts_as_it_stands(string broken)
    {
        using var text = KeptText.For("gpt-4o")!;
        text.Add(Encoding.UTF8.GetBytes(broken));
        text.Tokens().ShouldBe(Encodings.O200k.Count(broken));
    }

    [Fact]
    public void Only_so_much_is_kept()
    {
        using var text = KeptText.For("gpt-4o")!;
        var words = "one word and more. "u8.ToArray();
        for (var bytes = 0; bytes < KeptText.MostBytes + 100_000; bytes += words.Length)
            text.Add(words);
        text.Length.ShouldBeInRange(KeptText.MostBytes - 2 - words.Length, KeptText.MostBytes - 2);
        text.Tokens().ShouldBeInRange(text.Length / words.Length * 5L, text.Length / words.Length * 5L + 1);   // one, word, and, more, a dot
    }

    [Fact]
    public void After_its_end_nothing_is_kept()
    {
        var text = KeptText.For("gpt-4o")!;
        text.Add("hello"u8);
        text.Dispose();
        text.Add("hello"u8);
        (text.Tokens(), text.Length).ShouldBe((0, 0));
        text.Dispose();
    }

    [Fact]
    public void A_model_without_a_tokenizer_keeps_nothing() => KeptText.For("claude-sonnet-4-5").ShouldBeNull();
}
