using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// Answers one call, in the dialect it came in. An answer is counted as served just before its last bytes are handed to the
/// connection, so whoever has read it to the end finds it in the log.
/// </summary>
internal sealed class ChatEndpoint(ProviderLog log, TimeProvider time)
{
    private readonly long _start = time.GetUtcNow().ToUnixTimeMilliseconds();
    private long _ids;

    /// <summary>A new identifier, without a prefix.</summary>
    public string NextId() => string.Create(CultureInfo.InvariantCulture, $"{_start:x}{Interlocked.Increment(ref _ids):x8}");

    public async Task AnswerAsync(HttpContext context, IDialect dialect)
    {
        var call = new ChatCall { RequestId = context.Request.Headers["x-request-id"].ToString() };
        log.Begun(call);
        try
        {
            await AnswerAsync(context, call, dialect);
        }
        finally
        {
            log.Ended(call);
        }
    }

    private async Task AnswerAsync(HttpContext context, ChatCall call, IDialect dialect)
    {
        try
        {
            await ReadAsync(context.Request.BodyReader, call, dialect);
        }
        catch (Exception error) when (error is BadHttpRequestException or IOException)
        {
            log.Failed(call, 400);
            throw;
        }

        log.WasRead();
        var id = NextId();
        dialect.Name(context, id);
        if (call.Complaint is not null)
            await FailAsync(context, call, dialect, 400);
        else if (call.Fault == ProviderFault.Error500)
            await FailAsync(context, call, dialect, 500);
        else if (call.Fault == ProviderFault.Error429)
            await FailAsync(context, call, dialect, 429);
        else if (call.Fault == ProviderFault.Hang)
            await HangAsync(context, call);
        else
            await ServeAsync(context, call, dialect, id);
    }

    private static async Task ReadAsync(PipeReader body, ChatCall call, IDialect dialect)
    {
        while (true)
        {
            var read = await body.ReadAsync();
            if (read.IsCompleted)
            {
                dialect.Read(read.Buffer, call);
                body.AdvanceTo(read.Buffer.End);
                return;
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private Task FailAsync(HttpContext context, ChatCall call, IDialect dialect, int status)
    {
        log.Failed(call, status);
        return dialect.FailAsync(context, status, call.Complaint);
    }

    /// <summary>In the log from the start, since nobody knows when the caller goes; <see cref="ProviderLog.Running"/> tells that it went.</summary>
    private async Task HangAsync(HttpContext context, ChatCall call)
    {
        log.Hanging(call);
        await PauseAsync(context, Timeout.Infinite);
    }

    private async Task ServeAsync(HttpContext context, ChatCall call, IDialect dialect, string id)
    {
        if (call.Wait > 0 && !await PauseAsync(context, call.Wait))
        {
            log.Cut(call, 0, ProviderEnding.CallerGone);
            return;
        }
        var answer = dialect.Answer(call, id, time.GetUtcNow(), context.Response.BodyWriter);
        await (call.Stream ? StreamAsync(context, call, answer) : WholeAsync(context, call, answer));
    }

    private async Task WholeAsync(HttpContext context, ChatCall call, Answer whole)
    {
        var answer = whole.Json();
        context.Response.ContentType = whole.ContentType;
        context.Response.ContentLength = answer.Length;
        if (call.Fault == ProviderFault.Cut)
        {
            log.Cut(call, 0, ProviderEnding.Cut);
            await context.Response.Body.WriteAsync(answer.AsMemory(0, answer.Length / 2));
            await CutAsync(context);
            return;
        }

        log.Completed(call);
        await context.Response.BodyWriter.WriteAsync(answer);
    }

    private async Task StreamAsync(HttpContext context, ChatCall call, Answer answer)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        var output = context.Response.BodyWriter;
        var end = call.Fault == ProviderFault.Cut ? answer.Chunks / 2 : answer.Chunks;
        answer.WriteStart();
        for (var chunk = 0; chunk < end; chunk++)
        {
            answer.WriteContent(chunk);
            // The first token goes out at once, as a caller of a stream expects; the rest together, unless a pace was asked for.
            if (chunk > 0 && call.Pace == 0)
                continue;
            await output.FlushAsync();
            if (call.Pace > 0 && !await PauseAsync(context, call.Pace))
            {
                log.Cut(call, answer.TokensAfter(chunk + 1), ProviderEnding.CallerGone);
                return;
            }
        }

        if (call.Fault == ProviderFault.Cut)
        {
            log.Cut(call, answer.TokensAfter(end), ProviderEnding.Cut);
            await output.FlushAsync();
            await CutAsync(context);
            return;
        }

        answer.WriteEnd();
        if (context.RequestAborted.IsCancellationRequested)
            log.Cut(call, call.OutputTokens, ProviderEnding.CallerGone);
        else
            log.Completed(call);
        await output.FlushAsync();
    }

    /// <summary>False when the caller went meanwhile.</summary>
    private async Task<bool> PauseAsync(HttpContext context, int milliseconds)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time, context.RequestAborted)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !context.RequestAborted.IsCancellationRequested;
    }

    /// <summary>Aborting at once can overtake the bytes already written; the pause lets them leave first.</summary>
    private async Task CutAsync(HttpContext context)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(20), time, CancellationToken.None);
        context.Abort();
    }
}
