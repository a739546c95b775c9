using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>Speech and transcripts: characters and seconds before the call, what comes after it, and what is thought where nothing comes.</summary>
public sealed class AudioTests
{
    [Theory]
    [InlineData("tts-1", "hello", 5, 0)]
    [InlineData("tts-1-hd", "ünï \\ud83d\\ude00!", 6, 0)]   // a code point each, whatever its bytes
    [InlineData("gpt-4o-mini-tts", "hello", 5, 40)]
    public void Characters_are_known_before_speech(string model, string input, long characters, long tokens)
    {
        var request = SpeechRequestReader.Read(Encoding.UTF8.GetBytes($$"""{"model":"{{model}}","input":"{{input}}","voice":"alloy"}""")).Request.ShouldNotBeNull();
        (request.Characters, request.OutputBound, request.HasAudio, request.Stream).ShouldBe((characters, tokens, true, false));
    }

    [Theory]
    [InlineData("""{"input":"a"}""", "model")]
    [InlineData("""{"model":"tts-1"}""", "input")]
    [InlineData("""{"model":"tts-1","input":["a"]}""", "input")]
    [InlineData("""{"model":"tts-1","input":"a","input":"b"}""", "input")]
    [InlineData("""{"model":"tts-1","input":"a","stream_format":7}""", "stream_format")]
    [InlineData("""{"model":"tts-1","input":"\ud800"}""", null)]
    public void Speech_is_refused_by_name(string body, string? field) =>
        SpeechRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    [Fact]
    public void Speech_by_the_character_is_exact_and_by_tokens_estimated()
    {
        var exact = SpeechUsage.For(Speech("tts-1"));
        exact.Feed(new byte[5000], null);
        exact.Usage.ShouldBeNull();   // it may yet break off
        exact.End(null);
        exact.Usage.ShouldBe(new UsageCounts { Requests = 1, Characters = 10 });

        var estimated = SpeechUsage.For(Speech("gpt-4o-mini-tts"));
        estimated.OutputBytes.ShouldBe(0);
        estimated.Feed(new byte[5000], null);
        estimated.End(null);
        (estimated.Usage, estimated.IsComplete, estimated.OutputBytes).ShouldBe((null, true, 60));   // 15 tokens of four bytes
        estimated.InputKnown.ShouldBe(   // 60 bytes of the body
            new UsageCounts { InputTokens = 15, Characters = 10, AudioOutputTokens = 15 });
    }

    [Fact]
    public void A_wav_file_says_how_long_it_is_and_others_by_the_lowest_rate()
    {
        AudioLength.MostSeconds(Forms.Wav(7)).ShouldBe(8);   // its header's 44 bytes are rounded up
        AudioLength.MostSeconds(new byte[7_500]).ShouldBe(10);
        AudioLength.MostSeconds([]).ShouldBe(0);
        var lying = Forms.Wav(7);
        lying[31] = 0x7f;   // so many bytes a second that it would last no time
        AudioLength.MostSeconds(lying).ShouldBe((lying.Length + 749) / 750);
    }

    [Theory]
    [InlineData("whisper-1", 8, 0)]
    [InlineData("gpt-4o-transcribe", 8, 80)]
    public void A_form_with_audio_says_what_bounds_the_call(string model, long seconds, long tokens)
    {
        using var form = new MemoryStream();
        form.Write(Encoding.ASCII.GetBytes($"--{Forms.Boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--{Forms.Boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"));
        form.Write(Forms.Wav(7));
        form.Write(Encoding.ASCII.GetBytes($"\r\n--{Forms.Boundary}--\r\n"));
        var request = AudioFormReader.Read(form.ToArray(), Forms.ContentType).Request.ShouldNotBeNull();
        (request.Model, request.Seconds, request.OutputBound, request.HasAudio, request.HasMedia, request.InputBytes).ShouldBe((model, seconds, tokens, true, true, form.Length));
    }

    [Theory]
    [InlineData("model", "@file", "x", "prompt", "p")]
    [InlineData("file", "model", "whisper-1", "prompt", "p")]
    [InlineData("file", "model", "whisper-1", "@file", "")]
    [InlineData("file", "model", "whisper-1", "file", "text")]
    [InlineData("stream", "model", "whisper-1", "stream", "maybe")]
    [InlineData("model", "@file", "x", "@model", "whisper-1")]
    public void A_form_is_refused_by_name(string field, string name, string value, string other, string its) =>
        AudioFormReader.Read(Forms.Of((name, value), (other, its)), Forms.ContentType).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    [Fact]
    public void A_form_that_passes_unread_is_bounded_by_its_length()
    {
        var request = AudioFormReader.Unread("whisper", 75_000).Request.ShouldNotBeNull();
        (request.Seconds, request.InputBytes).ShouldBe((100, 75_000));
        AudioFormReader.Unread("whisper", null).Request.ShouldNotBeNull().InputBytes.ShouldBe(25 << 20);
    }

    [Theory]
    [InlineData("whisper-1", 0, 3, null)]
    [InlineData("gpt-4o-transcribe", 30, 3, 30)]
    public void Where_nothing_is_told_the_bytes_are(string model, long input, long seconds, int? audio)
    {
        foreach (var answer in new[] { "eleven bytes", "data are a word, too", "{\"text\":\"none\"}" })
        {
            var reader = new TranscriptUsage(AudioFormReader.Unread(model, 10_000).Request!);
            reader.Feed(Encoding.UTF8.GetBytes(answer), null);
            reader.End(null);
            reader.Usage.ShouldBeNull();
            reader.InputKnown.ShouldBe(new UsageCounts { Requests = 1, InputTokens = input, AudioInputTokens = audio, Seconds = seconds });
        }
    }

    private static ProviderRequest Speech(string model) =>
        SpeechRequestReader.Read(Encoding.UTF8.GetBytes($$"""{"model":"{{model}}","input":"ten chars!","voice":"v"}""")).Request!;
}
