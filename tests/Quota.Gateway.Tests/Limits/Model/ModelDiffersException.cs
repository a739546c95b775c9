namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Store and model differ; the message says after which step, and in what.</summary>
internal sealed class ModelDiffersException(string message, Exception inner) : Exception(message, inner);
