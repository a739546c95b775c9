using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Bedrock;

namespace Quota.Gateway.Tests.Providers.Bedrock;

/// <summary>
/// Amazon's own test suite for Signature Version 4 (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, Apache-2.0, (c) Amazon.com, Inc.), the worked example of
/// its documentation, and what its SDK for JavaScript 3.1162.0 signs for a path with escapes in it.
/// </summary>
public sealed class AwsSignatureTests
{
    private const string Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    [Theory]
    [InlineData("POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]   // post-vanilla
    [InlineData("GET", "/", "?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")]   // get-vanilla-query-order-key-case
    [InlineData("GET", "/ሴ", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")]   // get-utf8
    [InlineData("GET", "/", "?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04")]   // get-vanilla-utf8-query
    [InlineData("GET", "/example space/", "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741")]   // get-space-normalized
    [InlineData("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f")]   // get-unreserved
    public void Amazons_own_cases_are_signed_as_amazon_signs_them(string method, string path, string query, string signature) =>
        Suite(null).Of(method, path, query, [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")], SHA256.HashData([]))
            .ShouldBe($"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}");

    [Fact]
    public void A_session_is_signed_too()   // get-vanilla-with-session-token
    {
        const string token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        Suite(token).Of("GET", "/", "", [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"), ("x-amz-security-token", token)], SHA256.HashData([]))
            .ShouldEndWith("SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
    }

    /// <summary>ListUsers of IAM, as Amazon's documentation works it out step by step.</summary>
    [Fact]
    public void The_worked_example_of_the_documentation() =>
        (Suite(null) with { Service = "iam" }).Of("GET", "/", "?Action=ListUsers&Version=2010-05-08",
            [("content-type", "application/x-www-form-urlencoded; charset=utf-8"), ("host", "iam.amazonaws.com"), ("x-amz-date", "20150830T123600Z")], SHA256.HashData([]))
            .ShouldEndWith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");

    [Fact]
    public void A_call_is_signed_as_the_sdk_signs_it_with_its_last_bytes_and_its_escapes_escaped_again()
    {
        IProviderAdapter adapter = new BedrockAdapter(new FakeTimeProvider(DateTimeOffset.Parse("2026-11-23T15:40:00Z", CultureInfo.InvariantCulture)));
        var upstream = Upstream("AKIDEXAMPLE:" + Secret + ":session/token==") with { Options = new Dictionary<string, string> { ["region"] = "eu-central-1" } };
        var target = new CallTarget(adapter.Routes.Single(route => route.Template.EndsWith("/converse-stream", StringComparison.Ordinal)));
        using var request = new HttpRequestMessage(HttpMethod.Post, upstream.AddressOf(adapter.PathFor(target, "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-micro-v1:0")));
        request.Headers.Add("X-Amz-Date", "20200101T000000Z");
        request.Headers.Add("x-amz-security-token", "the client's");
        var body = new SplicedBody(Encoding.UTF8.GetBytes("""{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"""));
        adapter.Authorize(request, upstream, body.With(new BodyEdit(1, 0, Encoding.UTF8.GetBytes("\"inferenceConfig\":{\"maxTokens\":10},"))));
        request.RequestUri!.AbsolutePath.ShouldBe("/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.amazon.nova-micro-v1%3A0/converse-stream");
        string Header(string name) => request.Headers.NonValidated[name].ToString();
        (Header("x-amz-date"), Header("x-amz-security-token")).ShouldBe(("20261123T154000Z", "session/token=="));
        Header("Authorization").ShouldBe("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, "
            + "Signature=bcb2db51ecb4bfc8f3c1a3eec41b7f734ef51cd392f73e9dfc8d6f0b8425d61a");
    }

    [Theory]
    [InlineData("bedrock-api-key-YmVkcm9jaw==", "eu-central-1")]
    [InlineData("AKID:secret", null)]   // nothing says where
    public void A_key_of_bedrock_itself_is_a_bearer_token(string credential, string? region)
    {
        var upstream = Upstream(credential) with { Options = region is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["region"] = region } };
        using var request = new HttpRequestMessage(HttpMethod.Post, upstream.AddressOf("/model/m/converse"));
        new BedrockAdapter().Authorize(request, upstream, default);
        request.Headers.NonValidated["Authorization"].ToString().ShouldBe("Bearer " + credential);
        request.Headers.NonValidated.Contains("x-amz-date").ShouldBeFalse();
    }

    private static AwsSignature Suite(string? token) => new(new AwsKey("AKIDEXAMPLE", Secret, token), "us-east-1", "service", DateTimeOffset.Parse("2015-08-30T12:36:00Z", CultureInfo.InvariantCulture));

    private static Upstream Upstream(string credential) => new("bedrock", "bedrock", new Uri("https://bedrock-runtime.eu-central-1.amazonaws.com"), credential, ["*"]);
}
