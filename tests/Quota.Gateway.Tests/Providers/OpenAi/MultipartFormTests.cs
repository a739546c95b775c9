using System.Text;
using CsCheck;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>A form is read in one way only, or not at all.</summary>
public sealed class MultipartFormTests
{
    [Fact]
    public void Fields_and_files_are_found_where_they_stand()
    {
        var body = Forms.Of(("prompt", "a\r\n--xQz not the boundary"), ("@file", "RIFF\r\n\r\nbytes"), ("model", "whisper-1"), ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment"));
        var form = MultipartForm.Read(body, Forms.ContentType, out var mistake).ShouldNotBeNull();
        var twice = new List<string>();
        mistake.ShouldBe("");
        (form.Text("prompt", twice), form.Text("model", twice), form.Text("stream", twice)).ShouldBe(("a\r\n--xQz not the boundary", "whisper-1", null));
        Encoding.UTF8.GetString(form.File("file", twice)).ShouldBe("RIFF\r\n\r\nbytes");
        var at = form.Find("model", twice)!.Value;
        Encoding.UTF8.GetString(body, at.At, at.Length).ShouldBe("whisper-1");
        twice.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("multipart/form-data")]
    [InlineData("multipart/form-data; boundary=a; boundary=xQzT0")]
    [InlineData("application/json")]
    [InlineData("multipart/mixed; boundary=xQzT0")]
    [InlineData("multipart/form-data; boundary=other")]
    [InlineData("multipart/form-data; boundary=\"\"")]
    [InlineData(null)]
    public void Another_content_type_is_a_mistake(string? contentType) => MultipartForm.Read(Forms.Of(("model", "m")), contentType, out _).ShouldBeNull();

    [Theory]
    [InlineData("Content-Disposition: form-data; name=\"a\"; name=\"model\"")]
    [InlineData("Content-Disposition: form-data; name=\"mo\\del\"")]
    [InlineData("Content-Disposition: form-data; name=\"mo%64el\"")]
    [InlineData("Content-Disposition: form-data; name=\"a\"; name*=utf-8''model")]
    [InlineData("Content-Disposition: attachment; name=\"a\"")]
    [InlineData("Content-Type: text/plain")]
    [InlineData("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"")]
    [InlineData("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64")]
    [InlineData("Content-Disposition: form-data; name=\"a\"\n\nmodel")]
    [InlineData("Content-Disposition: form-data;\r\n name=\"a\"")]
    public void Headers_that_another_reader_could_take_otherwise_are_a_mistake(string headers) =>
        MultipartForm.Read(Encoding.ASCII.GetBytes($"--xQzT0\r\n{headers}\r\n\r\nvalue\r\n--xQzT0--\r\n"), Forms.ContentType, out _).ShouldBeNull();

    [Theory]
    [InlineData("\r\n--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xQzT0--\r\n")]   // something before the first part
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\n--xQzT0\nc\r\n--xQzT0--\r\n")]   // a boundary after a bare LF
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb --xQzT0 c\r\n--xQzT0--\r\n")]
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\n--xQzT0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nc\r\n--xQzT0--\r\n")]
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb--xQzT0--\r\n")]
    [InlineData("--xQzT0 \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xQzT0--\r\n")]
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xQzT0--\r\n--xQzT0\r\n")]
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n")]
    [InlineData("--xQzT0\r\nContent-Disposition: form-data; name=\"a\"\r\n")]
    [InlineData("")]
    public void A_body_whose_parts_could_end_elsewhere_is_a_mistake(string body) => MultipartForm.Read(Encoding.ASCII.GetBytes(body), Forms.ContentType, out _).ShouldBeNull();

    [Fact]
    public void A_field_that_stands_twice_is_told()
    {
        foreach (var body in new[] { Forms.Of(("model", "a"), ("model", "b")), Forms.Of(("model", "a"), ("MODEL", "b")), Forms.Of(("@model", "a")), Forms.Of(("Model", "a")) })
        {
            var twice = new List<string>();
            MultipartForm.Read(body, Forms.ContentType, out _).ShouldNotBeNull().Text("model", twice);
            twice.ShouldBe(["model"]);
        }
    }

    [Fact]
    public void No_bytes_throw()
    {
        var pieces = Gen.Int[0, 9].Select(i => new[] { "--xQzT0", "\r\n", "\n", "--", "Content-Disposition: form-data; name=\"model\"", "; filename=\"", "\r\n\r\n", "\0", "é", ":" }[i]).Array[0, 30];
        pieces.Sample(it =>
        {
            if (MultipartForm.Read(Encoding.UTF8.GetBytes(string.Concat(it)), Forms.ContentType, out var mistake) is null)
                mistake.ShouldNotBeEmpty();
        }, iter: 3000);
    }
}
