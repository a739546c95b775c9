namespace Quota.Gateway.Providers.Framing;

/// <summary>One event, whatever its framing. The bytes are good only while it is looked at.</summary>
/// <param name="name">
/// What kind of event it is: the <c>event:</c> field of a server-sent event, the <c>:event-type</c>, <c>:exception-type</c> or <c>:error-code</c> of an
/// Amazon message. Empty where the framing has none.
/// </param>
/// <param name="data">What the event says, mostly JSON.</param>
/// <param name="isError">The framing itself says that it is an error. Only Amazon's does.</param>
internal readonly ref struct EventPiece(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, bool isError = false)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Data { get; } = data;

    public bool IsError { get; } = isError;

    /// <summary>Nothing that a client would call an event: a comment, a blank line.</summary>
    public bool IsNothing => Name.IsEmpty && Data.IsEmpty;
}
