using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Quota.TestKit;

namespace Quota.Local.Demo;

/// <summary>How the gateway answered one request.</summary>
internal enum ChatOutcome
{
    Served,
    Refused,
    Failed,
}

/// <summary>Sends rows of the trace to the gateway with a plain HTTP client, as any client would.</summary>
internal sealed class ChatSender(Uri gateway) : IDisposable
{
    private static readonly byte[] Words = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("word ", 20_000)));

    private readonly HttpClient _http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(10) })
    {
        BaseAddress = gateway,
        Timeout = TimeSpan.FromMinutes(2),
    };

    /// <summary>The first answer that was neither 200 nor a refusal, for the report.</summary>
    public string? FirstFailure { get; private set; }

    /// <summary>
    /// A prompt of exactly the recorded number of words (the last one tells the stand-in how long to answer) and at least the recorded
    /// output as bound. The answer is read to its end.
    /// </summary>
    public async Task<ChatOutcome> SendAsync(TraceRow row, bool stream, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = Body(row, stream) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        try
        {
            using var answer = await _http.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            if (answer.IsSuccessStatusCode)
            {
                var whole = !stream || text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal);
                return whole ? ChatOutcome.Served : Fail("A stream ended without [DONE].");
            }

            return (int)answer.StatusCode == 429 ? ChatOutcome.Refused : Fail($"{(int)answer.StatusCode}: {text}");
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return Fail(error.Message);
        }
    }

    public void Dispose() => _http.Dispose();

    private static ByteArrayContent Body(TraceRow row, bool stream)
    {
        var tail = string.Create(CultureInfo.InvariantCulture,
            $$"""reply:{{row.GeneratedTokens}}"}],"max_completion_tokens":{{Math.Max(1, row.GeneratedTokens)}},"stream":{{(stream ? "true" : "false")}}}""");
        var head = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":" """.TrimEnd();
        var content = new ByteArrayContent(
            [.. Encoding.ASCII.GetBytes(head), .. Words.AsSpan(0, (row.ContextTokens - 1) * 5), .. Encoding.ASCII.GetBytes(tail)]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private ChatOutcome Fail(string what)
    {
        FirstFailure ??= what;
        return ChatOutcome.Failed;
    }
}
