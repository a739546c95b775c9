using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>How one provider's requests, answers and errors look. What happens to a call does not depend on it.</summary>
internal interface IDialect
{
    /// <summary>Fills the call from the body. What is wrong with it becomes <see cref="ChatCall.Complaint"/>; never throws on a body.</summary>
    void Read(in ReadOnlySequence<byte> body, ChatCall call);

    /// <summary>The header by which the caller can name the call to the provider.</summary>
    void Name(HttpContext context, string id);

    /// <summary>The answer to a bad request (400, with what is wrong), <c>fault:429</c> or <c>fault:500</c>.</summary>
    Task FailAsync(HttpContext context, int status, string? complaint);

    Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output);
}
