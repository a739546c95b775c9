using System.Text.Json;

namespace Quota.Gateway.Spool;

/// <summary>What a settled hold keeps of how its call ended.</summary>
internal static class CallReceipt
{
    /// <param name="seq">The number of the call's event.</param>
    public static byte[] Write(CallOutcome outcome, long? seq) => JsonSerializer.SerializeToUtf8Bytes(outcome with { Seq = seq }, SpoolJson.Default.CallOutcome);

    /// <summary>Null when there is none, or none that can be read.</summary>
    public static CallOutcome? Read(byte[]? receipt)
    {
        try
        {
            return receipt is { Length: > 0 } ? JsonSerializer.Deserialize(receipt, SpoolJson.Default.CallOutcome) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
