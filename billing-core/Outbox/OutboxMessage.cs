namespace Quota.Billing.Outbox;

/// <summary>
/// An effect on the outside world that is owed: written in the transaction that causes it, done later, possibly more than once.
/// So whoever handles it must be able to do it again without a second effect.
/// </summary>
/// <param name="Kind">Which handler does it.</param>
/// <param name="Reference">What it is about; unique with the kind.</param>
/// <param name="Payload">JSON.</param>
/// <param name="Attempts">Which try this is, from 1. Also the fence: only the latest claim may finish the message.</param>
internal sealed record OutboxMessage(Guid Id, string Kind, string Reference, string Payload, int Attempts);

/// <summary>How a try ended.</summary>
internal abstract record OutboxOutcome
{
    private OutboxOutcome()
    {
    }

    /// <summary>Nothing is owed any more, whether it went well or was refused for good.</summary>
    public static readonly OutboxOutcome Done = new Finished();

    /// <summary>Try again after a backoff. <paramref name="reason"/> is stored and shown: never a secret or card data.</summary>
    public static OutboxOutcome Again(string reason) => new Later(reason);

    public sealed record Finished : OutboxOutcome;

    public sealed record Later(string Reason) : OutboxOutcome;
}

/// <summary>
/// Does one kind of message. An exception counts as "try again".
/// To add another: implement this and register it with <c>services.AddSingleton&lt;IOutboxHandler, …&gt;()</c> in the room's registration.
/// </summary>
internal interface IOutboxHandler
{
    /// <summary>The word in <see cref="OutboxMessage.Kind"/>.</summary>
    string Kind { get; }

    /// <summary>Must give up when <paramref name="cancel"/> says so: the lease is about to end, and another worker may take over.</summary>
    Task<OutboxOutcome> HandleAsync(OutboxMessage message, CancellationToken cancel);
}
