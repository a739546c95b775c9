using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>Answers every call with one stream, as fast as it can be written: a recorded one of 98 kB, or one of 1 MB that is made of it.</summary>
internal static class StreamProvider
{
    public const string Recorded = "98 kB", Synthesised = "1 MB (synthesised)";
    private const int WriteBytes = 4096;   // about what a provider's front end hands on at once

    public static async Task RunAsync(int port, string name)
    {
        var answer = AnswerOf(name);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, port));
        var app = builder.Build();
        app.Run(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.ContentType = "text/event-stream";
            for (var at = 0; at < answer.Length; at += WriteBytes)
                await context.Response.Body.WriteAsync(answer.AsMemory(at, Math.Min(WriteBytes, answer.Length - at)));
        });
        await app.RunAsync();
    }

    /// <summary>The recording, its events of text repeated where it is to be longer.</summary>
    public static byte[] AnswerOf(string name)
    {
        var events = File.ReadLines(Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings/openai--openai-text.chunks.txt")).Where(line => line.Length > 0).Select(line => $"data: {line}\n\n").ToArray();
        var times = name == Recorded ? 1 : 10;
        return Encoding.UTF8.GetBytes(string.Concat([events[0], .. Enumerable.Repeat(string.Concat(events[1..^2]), times), .. events[^2..], "data: [DONE]\n\n"]));
    }
}
