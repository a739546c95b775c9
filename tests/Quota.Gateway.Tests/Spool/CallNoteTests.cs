using System.Text.Json;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Tests.Spool;

/// <summary>The note that a hold keeps of its call: small, since every request writes one, and read again as it was.</summary>
public sealed class CallNoteTests
{
    private static readonly CallNote Plain = new()
    {
        KeyId = new string('a', 32), Team = "research", User = "ada", Subscription = "acme-main", Provider = "openai", Upstream = "openai", Route = "/v1/chat/completions", Endpoint = "chat",
        Model = "gpt-4o-mini", PriceVersion = "openai/gpt-4o-mini@2026-11-01T00:00:00Z", InputEstimate = 1234, BytesIn = 4936, Meters = ["spend", "spend", "requests"],
    };

    [Fact]
    public void It_is_small() => JsonSerializer.SerializeToUtf8Bytes(Plain, SpoolJson.Default.CallNote).Length.ShouldBeLessThan(340);

    [Fact]
    public void It_is_read_as_it_was_written()
    {
        var whole = Plain with
        {
            RequestId = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()), Attempt = 2, Environment = "prod", Tags = new Dictionary<string, string> { ["app"] = "chat" }, RequestedModel = "fast", ServiceTier = "flex",
            Stream = true, Images = 2, Seconds = 3, Characters = 4, Markup = 1.25m,
        };
        JsonSerializer.SerializeToElement(whole, SpoolJson.Default.CallNote).EnumerateObject().Count().ShouldBe(typeof(CallNote).GetProperties().Length, "no property is left out");
        var read = CallNote.Read(JsonSerializer.SerializeToUtf8Bytes(whole, SpoolJson.Default.CallNote)).ShouldNotBeNull();
        JsonSerializer.Serialize(read, SpoolJson.Default.CallNote).ShouldBe(JsonSerializer.Serialize(whole, SpoolJson.Default.CallNote));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("not json")]
    public void What_cannot_be_read_is_none(string note) => CallNote.Read(System.Text.Encoding.UTF8.GetBytes(note)).ShouldBeNull();
}
