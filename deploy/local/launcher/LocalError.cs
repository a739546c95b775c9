namespace Quota.Local;

/// <summary>What the user can do something about; printed as it is, without a stack trace.</summary>
internal sealed class LocalError(string message) : Exception(message);
