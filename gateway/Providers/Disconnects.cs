using System.Collections.Frozen;

namespace Quota.Gateway.Providers;

/// <summary>
/// What providers do when the connection of a running call ends. Where they stop working, and billing, the upstream is aborted with its client, and what
/// passed is counted. Where they go on and bill it all, the answer is read to its end, so that the numbers are theirs.
/// </summary>
/// <remarks>
/// Source: the two lists under "Stream cancellation" of openrouter.ai/docs/api-reference/streaming, where it is also said that an answer that is no
/// stream is billed whole wherever it is cut; Ollama stops (github.com/ollama/ollama, docs/api.md). Who is on neither list is taken to go on:
/// reading on costs a connection for a while, not reading on may cost the truth. <c>on_disconnect</c> of an upstream decides otherwise.
/// </remarks>
internal static class Disconnects
{
    private static readonly FrozenSet<string> StopStreams = FrozenSet.Create(
        "openai", "azure", "anthropic", "fireworks_ai", "together_ai", "cohere", "xai", "deepseek", "novita", "deepinfra", "cloudflare", "openrouter", "ollama");

    /// <summary>Whether the answer is read to its end for its usage when its client has gone.</summary>
    public static bool Drains(Upstream upstream, bool isStream) => upstream.DrainsOnDisconnect ?? !(isStream && StopStreams.Contains(upstream.Provider));
}
