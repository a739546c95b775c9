using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>
/// What OpenAI's models read of a chat, as far as it is published: messages between special tokens, each of which is one token and lets none reach
/// across (cookbook.openai.com, How to count tokens with tiktoken); tools as TypeScript in a message of their own, a schema for the answer as JSON
/// (cookbook.openai.com, OpenAI Harmony Response Format).
/// </summary>
internal static class Rendering
{
    /// <summary>Tokens of a request's body.</summary>
    public static long Tokens(TokenEncoding encoding, JsonElement body)
    {
        var sum = 3L;   // <|start|>assistant<|message|>
        foreach (var message in body.GetProperty("messages").EnumerateArray())
        {
            var head = message.GetProperty("role").GetString()! + (message.TryGetProperty("name", out var name) ? ":" + name.GetString() : "");
            sum += 3 + encoding.Count(head) + encoding.Count(TextOf(message.GetProperty("content")));
            if (!message.TryGetProperty("tool_calls", out var calls))
                continue;
            foreach (var call in calls.EnumerateArray())
            {
                var function = call.GetProperty("function");
                sum += 4 + encoding.Count("assistant to=functions." + function.GetProperty("name").GetString()) + encoding.Count(function.GetProperty("arguments").GetString()!);
            }
        }
        if (body.TryGetProperty("tools", out var tools))
            sum += 4 + encoding.Count(Tools(tools));
        if (body.TryGetProperty("response_format", out var format))
        {
            var schema = format.GetProperty("json_schema");
            sum += encoding.Count($"\n\n# Response Formats\n\n## {schema.GetProperty("name").GetString()}\n\n{schema.GetProperty("schema").GetRawText()}");
        }
        return sum;
    }

    /// <summary>The same by the cookbook's sums (num_tokens_for_tools), for functions whose properties are strings: what each part of a tool adds beside its text.</summary>
    public static long ToolsBySums(TokenEncoding encoding, JsonElement tools)
    {
        var sum = 12L;
        foreach (var tool in tools.EnumerateArray())
        {
            var function = tool.GetProperty("function");
            sum += (encoding == Encodings.O200k ? 7 : 10) + encoding.Count($"{function.GetProperty("name").GetString()}:{function.GetProperty("description").GetString()}") + 3;
            foreach (var property in function.GetProperty("parameters").GetProperty("properties").EnumerateObject())
            {
                sum += 3 + encoding.Count($"{property.Name}:string:{property.Value.GetProperty("description").GetString()}");
                if (property.Value.TryGetProperty("enum", out var values))
                    sum += values.EnumerateArray().Sum(value => 3 + encoding.Count(value.GetString()!));
            }
        }
        return sum;
    }

    private static string TextOf(JsonElement content) => content.ValueKind == JsonValueKind.String ? content.GetString()!
        : string.Concat(content.EnumerateArray().Select(part => part.GetProperty("text").GetString()));

    private static string Tools(JsonElement tools)
    {
        var text = new StringBuilder("# Tools\n\n## functions\n\nnamespace functions {\n\n");
        foreach (var tool in tools.EnumerateArray())
        {
            var function = tool.GetProperty("function");
            text.Append(CultureInfo.InvariantCulture, $"// {function.GetProperty("description").GetString()}\ntype {function.GetProperty("name").GetString()} = (_: {{\n");
            foreach (var property in function.GetProperty("parameters").GetProperty("properties").EnumerateObject())
            {
                var type = property.Value.TryGetProperty("enum", out var values) ? string.Join(" | ", values.EnumerateArray().Select(value => $"\"{value.GetString()}\"")) : "string";
                text.Append(CultureInfo.InvariantCulture, $"// {property.Value.GetProperty("description").GetString()}\n{property.Name}?: {type},\n");
            }
            text.Append("}) => any;\n\n");
        }
        return text.Append("} // namespace functions").ToString();
    }
}
