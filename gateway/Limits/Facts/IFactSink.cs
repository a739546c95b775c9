using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Facts;

/// <summary>Who is told of facts. Telling the same one twice is harmless: it has the same id.</summary>
internal interface IFactSink
{
    /// <summary>Returns once all of them are stored or delivered.</summary>
    /// <exception cref="HttpRequestException">They are not; say them again.</exception>
    Task TellAsync(IReadOnlyList<LimitFact> facts, CancellationToken cancellation);
}
