using System.Text;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Anthropic;

namespace Quota.Gateway.Tests.Providers.Anthropic;

/// <summary>What a Messages request is bounded by, and what it may not ask.</summary>
public sealed class MessagesRequestReaderTests
{
    [Fact]
    public void It_says_what_bounds_the_call()
    {
        var request = Read("""{"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"system":"be brief","messages":[{"role":"user","content":"hello"}]}""");
        (request.Model, request.Stream, request.OutputBound, request.Choices, request.AddedTokens).ShouldBe(("claude-sonnet-4-5", true, 64, 1, 0));
        (request.HasMedia, request.WritesCache, request.WritesCacheForAnHour, request.HidesUsage).ShouldBe((false, false, false, false));
        request.InputBytes.ShouldBe(request.Body.Length);
        request.BodyWith(null).Edits.IsEmpty.ShouldBeTrue();   // sent as it came
    }

    [Fact]
    public void Thinking_that_may_take_more_than_the_answer_is_the_bound() =>
        Read("""{"model":"m","max_tokens":64,"thinking":{"type":"enabled","budget_tokens":9000},"messages":[]}""").OutputBound.ShouldBe(9000);

    [Fact]
    public void Images_and_documents_are_not_bounded_by_bytes()
    {
        var request = Read("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{}},{"type":"tool_result","content":[{"type":"image","source":{}}]},{"type":"text","text":"\"type\":\"image\""}]}]}""");
        (request.HasMedia, request.Images).ShouldBe((true, 2));
        Read("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]}""").HasMedia.ShouldBeTrue();
    }

    [Theory]
    [InlineData("""[{"name":"get_weather","input_schema":{"type":"object","properties":{"type":{"type":"string"}}}}]""", 1000)]
    [InlineData("""[{"type":"custom","name":"a","input_schema":{}}]""", 1000)]
    [InlineData("""[{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}]""", 4000)]
    [InlineData("[]", 0)]
    public void Tools_bring_words_of_the_providers_own(string tools, long tokens) =>
        Read($$"""{"model":"m","max_tokens":1,"tools":{{tools}},"messages":[]}""").AddedTokens.ShouldBe(tokens);

    [Theory]
    [InlineData("web_search_20250305")]
    [InlineData("web_search_20260209")]
    public void A_search_is_billed_each_and_feeds_the_model_with_what_it_finds(string type)
    {
        var request = Read($$"""{"model":"m","max_tokens":1,"tools":[{"max_uses":3,"type":"{{type}}","name":"web_search","allowed_domains":["a.com"]},{"name":"mine","input_schema":{"max_uses":{"type":"a"} } }],"messages":[]}""");
        request.ToolCalls.ShouldBe(new Dictionary<string, long> { ["web_search"] = 3 });
        (request.HasMedia, request.MediaIsImages, request.WritesCache, request.WritesCacheForAnHour).ShouldBe((true, false, true, false));
    }

    [Fact]
    public void What_is_fetched_costs_tokens_only_which_nothing_bounds_but_the_window()
    {
        var request = Read("""{"model":"m","max_tokens":1,"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}],"messages":[]}""");
        (request.ToolCalls, request.HasMedia, request.MediaIsImages).ShouldBe((null, true, false));
    }

    [Theory]
    [InlineData("\"auto\"")]
    [InlineData("\"standard_only\"")]
    [InlineData("null")]
    public void A_tier_is_what_the_answer_says_not_what_was_asked(string tier) =>
        Read($$"""{"model":"m","max_tokens":1,"service_tier":{{tier}},"messages":[]}""").ServiceTier.ShouldBeNull();

    [Fact]
    public void What_is_only_cleared_from_the_context_costs_nothing() =>
        Read("""{"model":"m","max_tokens":1,"context_management":{"edits":[{"type":"clear_tool_uses_20250919"},{"type":"clear_thinking_20251015"}]},"fallbacks":null,"messages":[]}""").Model.ShouldBe("m");

    [Fact]
    public void Where_the_path_names_the_model_the_body_may_not_and_anthropic_runs_no_tools()
    {
        RequestReading Named(string body) => MessagesRequestReader.Read(Encoding.UTF8.GetBytes(body), StringValues.Empty, "in-the-path");
        var request = Named("""{"max_tokens":5,"messages":[]}""").Request.ShouldNotBeNull();
        (request.Model, request.ModelAt, request.OutputBound).ShouldBe(("in-the-path", null, 5));
        Named("""{"model":"m","max_tokens":5}""").Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe("model");
        Named("""{"max_tokens":5,"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]}""").Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe("tools");
        Named("""{"max_tokens":5,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":1}]}""").Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe("tools");
        MessagesRequestReader.Read("{}"u8.ToArray(), StringValues.Empty, "in-the-path", bound: 7).Request.ShouldNotBeNull().OutputBound.ShouldBe(7);
    }

    [Theory]
    [InlineData("""{"type":"ephemeral"}""", true, false)]
    [InlineData("""{"type":"ephemeral","ttl":"5m"}""", true, false)]
    [InlineData("""{"type":"ephemeral","ttl":"1h"}""", true, true)]
    public void It_says_what_is_to_be_cached_and_for_how_long(string cache, bool writes, bool forAnHour)
    {
        foreach (var body in new[]
        {
            $$"""{"model":"m","max_tokens":1,"system":[{"type":"text","text":"long","cache_control":{{cache}}}],"messages":[]}""",
            $$"""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"long","cache_control":{{cache}}}]}]}""",
            $$"""{"model":"m","max_tokens":1,"tools":[{"name":"a","input_schema":{},"cache_control":{{cache}}}],"messages":[]}""",
            $$"""{"model":"m","max_tokens":1,"cache_control":{{cache}},"messages":[]}""",
        })
            (Read(body).WritesCache, Read(body).WritesCacheForAnHour).ShouldBe((writes, forAnHour), body);
    }

    [Theory]
    [InlineData("{", null, "not valid JSON")]
    [InlineData("[]", null, "must be a JSON object")]
    [InlineData("""{"max_tokens":1}""", "model", "Field required")]
    [InlineData("""{"model":"m"}""", "max_tokens", "Field required")]
    [InlineData("""{"model":"m","max_tokens":0}""", "max_tokens", "1 or more")]
    [InlineData("""{"model":"m","max_tokens":1.5}""", "max_tokens", "1 or more")]
    [InlineData("""{"model":"m","model":"n","max_tokens":1}""", "model", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"max_tokens":2}""", "max_tokens", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"stream":true,"stream":false}""", "stream", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"stream":"yes"}""", "stream", "true or false")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search"}]}""", "tools", "name max_uses")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":null}]}""", "tools", "name max_uses")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":0}]}""", "tools", "from 1 to 1000")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":1e9}]}""", "tools", "from 1 to 1000")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","max_uses":1,"max_uses":9}]}""", "tools", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"custom","type":"web_search_20250305","max_uses":1}]}""", "tools", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_latest","max_uses":1}]}""", "tools", "web_search_latest")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20260209","max_uses":1},{"type":"code_execution_20250825"}]}""", "tools", "code_execution_20250825")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"mcp_toolset","mcp_server_name":"a"}]}""", "tools", "mcp_toolset")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"advisor_20260301","model":"claude-opus-4-8"}]}""", "tools", "advisor_20260301")]
    [InlineData("""{"model":"m","max_tokens":1,"service_tier":"priority"}""", "service_tier", "'auto' or 'standard_only'")]
    [InlineData("""{"model":"m","max_tokens":1,"service_tier":"auto","service_tier":"standard_only"}""", "service_tier", "twice")]
    [InlineData("""{"model":"m","max_tokens":1,"fallbacks":"default"}""", "fallbacks", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"compaction":{}}""", "compaction", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"context_management":{"edits":[{"type":"compact_20260112"}]}}""", "context_management", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"anthropic_beta":["context-1m-2025-08-07"]}""", "anthropic-beta", "context-1m")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"computer_toolset_20260801","name":"computer"}]}""", "tools", "computer_toolset_20260801")]
    [InlineData("""{"model":"m","max_tokens":1,"mcp_servers":[{"url":"https://x"}]}""", "mcp_servers", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"container":"c"}""", "container", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"speed":"fast"}""", "speed", "not metered")]
    [InlineData("""{"model":"m","max_tokens":1,"inference_geo":"us"}""", "inference_geo", "not metered")]
    public void It_refuses_by_name(string body, string? field, string why)
    {
        var refusal = MessagesRequestReader.Read(Encoding.UTF8.GetBytes(body), StringValues.Empty).Refusal.ShouldBeOfType<Refusal.BadRequest>();
        refusal.Parameter.ShouldBe(field);
        refusal.Message.ShouldContain(why);
    }

    [Fact]
    public void Betas_with_prices_of_their_own_are_refused_and_others_pass()
    {
        var body = """{"model":"m","max_tokens":1,"messages":[]}"""u8.ToArray();
        MessagesRequestReader.Read(body, new StringValues("interleaved-thinking-2025-05-14")).Request.ShouldNotBeNull();
        MessagesRequestReader.Read(body, new StringValues(["a", "prompt-caching,context-1m-2025-08-07"])).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe("anthropic-beta");
    }

    private static ProviderRequest Read(string body) => MessagesRequestReader.Read(Encoding.UTF8.GetBytes(body), StringValues.Empty).Request.ShouldNotBeNull();
}
